"""Contacts in the admin: the list and its search, companies, tags, topics. The contact page has modules of its own."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce, Lower
from django.http import Http404
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display

from contacts import address_admin, consent, contact_actions, contact_page, list_columns, panels, writing
from contacts import import_admin as import_admin  # registers itself
from contacts.consent import suppressions_of
from contacts.contact_forms import AddContactForm
from contacts.models import Address, Company, CompanyMember, Contact, ContactTag, Identity, Tag, Topic
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, facts_table, moment
from ops import audit

FOUND = 200


class MayBeMailed(address_admin.MayBeMailed):
    """The same question, asked of the contact's address."""

    def queryset(self, request, queryset):
        theirs = Address.objects.filter(pk=OuterRef("address"))
        if self.value() == "unsubscribed":
            return queryset.filter(address__unsubscribed_at__isnull=False)
        if self.value() == "suppressed":
            return queryset.filter(Exists(theirs.filter(Exists(suppressions_of()))))
        return queryset


def ids_found(term: str) -> set[int]:
    """Contacts whose name, e-mail or id begins with the term: three index scans, the first 200 of each."""
    by_name = Contact.objects.annotate(lowered=Lower("name")).filter(lowered__startswith=term.lower())
    by_email = Contact.objects.filter(address__email__startswith=term.lower())
    by_identity = Identity.objects.filter(value__startswith=term)
    return {
        *by_name.values_list("pk", flat=True)[:FOUND],
        *by_email.values_list("pk", flat=True)[:FOUND],
        *by_identity.values_list("contact_id", flat=True)[:FOUND],
    }


def number_of(model, field: str):
    """How many rows of `model` point here, counted for the rows of the page alone."""
    rows = model.objects.filter(**{field: OuterRef("pk")}).order_by().values(field)
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)


@admin.register(Contact)
class ContactAdmin(BigTableAdmin):
    """A list with fast search, and a page that tells the story of each contact."""

    list_display = ["who", "email", "ids", "tag_names", "may_be_mailed", "seen", "created"]
    list_display_links = ["who"]
    list_filter = [("tags", AutocompleteSelectFilter), MayBeMailed, ("is_test", BooleanRadioFilter)]
    list_filter_submit = True
    search_fields = ["name"]
    search_help_text = "Name, e-mail or id begins with…"
    ordering = ["-id"]
    form = AddContactForm
    fieldsets = [
        (None, {"fields": ["user_id", "email", ("first_name", "last_name"), "is_test"]}),
    ]
    actions = None
    empty_icon = "group"
    empty_title = "No contacts yet"
    empty_sentence = (
        "Contacts appear by themselves as soon as your product sends its first event: "
        "make an API key under Settings and give it to your engineers. You can also add one by hand."
    )
    seen = moment("last_seen_at", "last seen")
    created = moment("created_at", "created")

    def get_list_filter(self, request):
        return [*panels.list_filters, *self.list_filter]

    def get_list_display(self, request):
        return [*self.list_display[:-2], *list_columns.displayed(request), *self.list_display[-2:]]

    def get_sortable_by(self, request):
        return list_columns.sortable(request)

    def get_changelist_instance(self, request):
        found = super().get_changelist_instance(request)
        list_columns.fill(request, found.result_list, clock.now())
        return found

    def has_delete_permission(self, request, obj=None):
        return False

    def must_be_allowed_to_change(self, request, contact):
        if not self.has_change_permission(request, contact):
            raise PermissionDenied

    def get_queryset(self, request):
        user_ids = Prefetch("identities", Identity.objects.filter(kind=Identity.Kind.USER), "user_ids")
        rows = super().get_queryset(request).current().for_list().prefetch_related(user_ids)
        of_address = Address.objects.filter(pk=OuterRef("address"))
        joins = list_columns.joins(request)
        return rows.annotate(is_suppressed=Exists(of_address.filter(Exists(suppressions_of()))), **joins)

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(pk__in=ids_found(term)) if term else queryset), False

    @display(description="name", header=True)
    def who(self, contact):
        return str(contact), "Test contact" if contact.is_test else ""

    @display(description="e-mail")
    def email(self, contact):
        return contact.email or "–"

    @display(description="ids")
    def ids(self, contact):
        return ", ".join(identity.value for identity in contact.user_ids[:3]) or "anonymous"

    @display(description="tags", label=True)
    def tag_names(self, contact):
        return [tag.name for tag in contact.tags.all()][:4]

    @display(description="mail", label={"Yes": "success", "Unsubscribed": "warning", "Suppressed": "danger"})
    def may_be_mailed(self, contact):
        if not contact.address:
            return "No address"
        if contact.is_suppressed:
            return "Suppressed"
        return "Unsubscribed" if contact.address.unsubscribed_at else "Yes"

    def get_urls(self):
        return contact_actions.urls(self) + super().get_urls()

    def change_view(self, request, object_id, form_url="", extra_context=None):
        contact = contact_page.found(int(object_id)) if object_id.isdecimal() and len(object_id) < 19 else None
        if contact is None:
            raise Http404("There is no such contact.")
        if not self.has_view_permission(request, contact):
            raise PermissionDenied
        if contact.merged_into_id:
            winner = contact_page.winner_of(contact)
            messages.info(request, f"Contact {contact.pk} turned out to be this same person; the two were merged.")
            return contact_page.redirect_to(winner)
        return contact_page.respond(self, request, contact, clock.now())

    @transaction.atomic
    def save_model(self, request, contact, form, change):
        """A contact added by hand is written by the verbs that every other way in uses."""
        data, now = form.cleaned_data, clock.now()
        if data["user_id"]:
            contact.pk, _ = writing.contact_for_user(data["user_id"], now)
            contact.refresh_from_db()
        else:
            contact.save()
        Contact.objects.filter(pk=contact.pk).update(is_test=data["is_test"])
        names = {name: data[name] for name in ("first_name", "last_name") if data[name]}
        writing.upsert(contact.pk, writing.Upsert(attributes=names, email=data["email"]), now)
        contact.refresh_from_db()

    def log_addition(self, request, contact, message):
        return audit.note(request.user, contact, "Added by hand.")


@admin.register(Company)
class CompanyAdmin(BigTableAdmin, ReadOnlyAdmin):
    """Written by the product's `group` calls."""

    list_display = ["__str__", "key", "members", "updated"]
    search_fields = ["key"]
    search_help_text = "Id begins with…"
    ordering = ["-id"]
    fields = ["key", "known", "people", "updated", "created"]
    readonly_fields = fields
    empty_icon = "domain"
    empty_title = "No companies yet"
    empty_sentence = "A company appears when your product says with a “group” call that somebody belongs to it."
    updated = moment("updated_at", "updated")
    created = moment("created_at", "known since")

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(size=number_of(CompanyMember, "company"))

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(key__startswith=term) if term else queryset), False

    @display(description="contacts")
    def members(self, company):
        return f"{company.size:,}"

    @display(description="what is known")
    def known(self, company):
        return facts_table(company.attributes)

    @display(description="people")
    def people(self, company):
        rows = company.contacts.select_related("address").order_by("-companymember__id")[:50]
        links = [(reverse("admin:contacts_contact_change", args=[contact.pk]), contact) for contact in rows]
        return format_html_join(", ", '<a class="text-link" href="{}">{}</a>', links) or "nobody yet"


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    list_display = ["name", "carried_by"]
    search_fields = ["name"]
    actions = None
    empty_icon = "sell"
    empty_title = "No tags yet"
    empty_sentence = "A tag is a word that you put on contacts, by hand or by API, to find them again."

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(worn=number_of(ContactTag, "tag"))

    def get_readonly_fields(self, request, obj=None):
        return ["name"] if obj else []  # conditions and campaigns name it

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and (obj is None or not obj.contacts.exists())

    @display(description="contacts")
    def carried_by(self, tag):
        url = f"{reverse('admin:contacts_contact_changelist')}?{urlencode({'tags__id__exact': tag.pk})}"
        return format_html('<a class="text-link" href="{}">{}</a>', url, f"{tag.worn:,}")


@admin.register(Topic)
class TopicAdmin(ModelAdmin):
    fields = ["name", "key", "basis"]
    list_display = ["name", "basis_in_words", "key"]
    actions = None
    empty_icon = "topic"
    empty_title = "No topics yet"
    empty_sentence = "A topic is a kind of mail that people may want or not, such as “Tips and news” or “Offers”."

    def get_form(self, request, obj=None, change=False, **kwargs):
        words = {"key": "What engineers call it, made from the name; it cannot be changed later."}
        return super().get_form(request, obj, change, labels={"basis": "May be sent"}, help_texts=words, **kwargs)

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"key": ["name"]}

    def get_readonly_fields(self, request, obj=None):
        return ["key"] if obj else []

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and "basis" in form.changed_data:
            for act in consent.BASIS_CHANGED:
                act(obj, request.user, clock.now())

    @display(description="may be sent", ordering="basis")
    def basis_in_words(self, topic):
        return topic.get_basis_display()
