"""Addresses in the admin: what may be sent to each, and the deeds that change it."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Subquery
from django.http import Http404
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from contacts import consent
from contacts.contact_page import deeds
from contacts.models import Address, ConsentRecord, Contact, Subscription, Suppression
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, moment
from ops import audit

BY_HAND = "By hand, by {}"


class MayBeMailed(DropdownFilter):
    """Addresses that unsubscribed or are suppressed."""

    title = "mail"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("unsubscribed", "Unsubscribed"), ("suppressed", "Suppressed: bounced, complained or blocked")]

    def queryset(self, request, queryset):
        if self.value() == "unsubscribed":
            return queryset.filter(unsubscribed_at__isnull=False)
        if self.value() == "suppressed":
            return queryset.filter(Exists(consent.suppressions_of()))
        return queryset


class History(TabularInline):
    extra = 0
    hide_title = True

    def has_add_permission(self, request, obj=None):
        return False

    has_change_permission = has_delete_permission = has_add_permission


class Subscriptions(History):
    model = Subscription
    verbose_name_plural = "what was said about each topic"
    fields = ["topic", "state", "when"]
    readonly_fields = ["when"]
    when = moment("changed_at", "when")


class Ledger(History):
    model = ConsentRecord
    verbose_name_plural = "consent"
    fields = ["action", "what", "source", "wording", "when"]
    readonly_fields = ["what", "when"]
    when = moment("at", "when")
    per_page = 20

    @display(description="what")
    def what(self, record):
        return record.topic or "All marketing mail"


@admin.register(Address)
class AddressAdmin(BigTableAdmin, ReadOnlyAdmin):
    """Looked at here; changed by deeds, each with a question before it."""

    list_display = ["email", "state", "owners", "since"]
    list_filter = [MayBeMailed]
    search_fields = ["email"]
    search_help_text = "E-mail begins with…"
    ordering = ["-id"]
    fields = ["email", "state", "owners", "suppressions", "soft_bounces", "held", "since"]
    readonly_fields = fields
    inlines = [Subscriptions, Ledger]
    change_form_outer_before_template = "admin/contacts/address_deeds.html"
    empty_title = "No addresses yet"
    empty_sentence = "An address appears with the first contact who has an e-mail address."
    since = moment("created_at", "known since")
    held = moment("held_until", "on hold until", empty="not on hold")

    def get_queryset(self, request):
        because = Subquery(consent.suppressions_of().values("reason")[:1])
        return super().get_queryset(request).annotate(suppressed_because=because).prefetch_related("contacts")

    def get_search_results(self, request, queryset, search_term):
        if not (term := search_term.strip().lower()):
            return queryset, False
        return queryset.filter(email__startswith=term), False

    @display(description="state", label={"Gets mail": "success", "Unsubscribed": "warning", "On hold": "warning"})
    def state(self, address):
        if address.suppressed_because:
            return Suppression.Reason(address.suppressed_because).label.partition(":")[0]
        if address.unsubscribed_at:
            return "Unsubscribed"
        return "On hold" if address.held_until and address.held_until > clock.now() else "Gets mail"

    @display(description="contacts")
    def owners(self, address):
        links = [
            (reverse("admin:contacts_contact_change", args=[contact.pk]), contact.name or f"Contact {contact.pk}")
            for contact in address.contacts.all()[:5]
            if not contact.merged_into_id
        ]
        return format_html_join(", ", '<a class="text-link" href="{}">{}</a>', links) or "nobody"

    @display(description="blocked because")
    def suppressions(self, address):
        rows = Suppression.objects.filter(digest=bytes(address.digest)).order_by("-id")[:10]
        lines = [
            (row.get_reason_display(), row.detail and f" ({row.detail})", " – lifted" if row.cleared_at else "")
            for row in rows
        ]
        return format_html_join(mark_safe("<br>"), "{}{}{}", lines) or "not blocked"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        address = self.get_object(request, object_id)
        possible = deeds(request, address, bool(address.suppressed_because)) if address else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "deeds": possible})

    def get_urls(self):
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(getattr(self, f"{name}_view")),
                name=f"contacts_address_{name}",
            )
            for name in ("unsubscribe", "resubscribe", "block", "unblock")
        ]
        return own + super().get_urls()

    def unsubscribe_view(self, request, pk):
        return self._deed(
            request,
            pk,
            "Unsubscribe {email}?",
            [
                "{email} will get no marketing mail any more, from no campaign.",
                "Receipts and other mail that they need still reach them. You can allow it again later.",
            ],
            "Unsubscribe",
            "{email} is unsubscribed from marketing mail.",
            lambda address, now, said: consent.unsubscribe(address.pk, now=now, **said),
        )

    def resubscribe_view(self, request, pk):
        return self._deed(
            request,
            pk,
            "Allow marketing mail to {email} again?",
            [
                "Do this only when the person asked for it: they had unsubscribed.",
                "Who did it and when is kept in the consent ledger.",
            ],
            "Allow again",
            "{email} gets marketing mail again.",
            lambda address, now, said: consent.resubscribe(address.pk, now=now, **said),
        )

    def block_view(self, request, pk):
        return self._deed(
            request,
            pk,
            "Block {email}?",
            [
                "Nothing at all will be sent to {email}: no campaigns, no receipts, no test mails.",
                "The block stays until a person lifts it.",
            ],
            "Block",
            "{email} is blocked.",
            lambda address, now, said: consent.suppress(
                reason=Suppression.Reason.BLOCKLIST, now=now, address_id=address.pk, detail=said["source"]
            ),
            danger=True,
        )

    def unblock_view(self, request, pk):
        return self._deed(
            request,
            pk,
            "Write to {email} again?",
            [
                "Nothing has been sent to this address since it was blocked. Lift the block only when you know that "
                "the mailbox exists and wants your mail.",
                "Mail that bounces or annoys makes the mailbox providers distrust all your mail.",
            ],
            "Lift the block",
            "{email} can be written to again.",
            lambda address, now, said: consent.clear_suppression(address.pk, now=now),
        )

    def _deed(self, request, pk, title, lines, button, done, act, danger=False):
        if not request.user.has_perm("contacts.change_contact"):
            raise PermissionDenied
        address = Address.objects.filter(pk=pk).first()
        if address is None:
            raise Http404("There is no such address.")
        contact = self._contact(request, address)
        said = {"source": BY_HAND.format(request.user), "contact_id": contact and contact.pk}

        def do():
            changed = act(address, clock.now(), said)
            audit.note(request.user, address, f"{button}.")
            return done.format(email=address.email) if changed else "Nothing had to be done: it was so already."

        back = reverse(
            "admin:contacts_contact_change" if contact else "admin:contacts_address_change",
            args=[contact.pk if contact else address.pk],
        )
        return ask(
            request,
            self,
            title=title.format(email=address.email),
            lines=[line.format(email=address.email) for line in lines],
            button=button,
            act=do,
            back=back,
            danger=danger,
        )

    @staticmethod
    def _contact(request, address) -> Contact | None:
        """The contact from whose page the question was asked."""
        number = request.GET.get("contact", "")
        return Contact.objects.filter(pk=int(number), address=address).first() if number.isdecimal() else None
