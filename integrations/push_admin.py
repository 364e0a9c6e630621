"""Pushes in the admin: who was written where, what came of it, and once more."""

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.core.exceptions import PermissionDenied
from django.urls import path, reverse
from unfold.decorators import display

from campaigns.message_admin import link_to
from contacts.admin import ids_found
from integrations import deciding
from integrations.models import Push
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, moment
from lib.pages import found, page
from lib.words import due_time, facts

COLOURS = {
    "Waiting for its turn": "info",
    "Being written": "info",
    "Written": "success",
    "Failed": "danger",
    "Cancelled": "",
    "Parked": "danger",
}


@admin.register(Push)
class PushAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["who", "connection", "campaign", "badge", "reason", "made", "next_try"]
    list_display_links = ["who"]
    list_filter = ["state", "connection", ("campaign", RelatedOnlyFieldListFilter)]
    search_fields = ["key"]
    search_help_text = "Name, e-mail or id begins with…"
    counted_as = "push", "pushes"
    ordering = ["-id"]  # time-ordered, and the primary key
    empty_icon = "contact_mail"
    empty_title = "Nobody has been pushed to a CRM yet"
    empty_sentence = "Pushes appear here as soon as somebody reaches a step “Push to a CRM”."
    made = moment("created_at", "asked for")

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(contact__in=ids_found(term)) if term else queryset), False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("contact__address", "connection", "campaign")

    @display(description="Who")
    def who(self, push):
        return push.contact

    @display(description="State", label=COLOURS)
    def badge(self, push):
        return push.get_state_display()

    @display(description="next try", ordering="due_at")
    def next_try(self, push):
        return due_time(push.due_at, clock.now(), rests=push.connection.is_paused)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        push = found(self, request, object_id)
        return page(
            self,
            request,
            "integrations/push.html",
            str(push),
            push,
            push=push,
            sent=list(facts(push.sent)),
            now=clock.now(),
            contact_link=link_to(push.contact, request.user),
            campaign_link=link_to(push.campaign, request.user),
            repeatable=push.state in ("queued", "parked", "failed") and _may_repeat(request.user),
        )

    def get_urls(self):
        view = self.admin_site.admin_view(self.again_view)
        return [path("<uuid:object_id>/again/", view, name="integrations_push_again"), *super().get_urls()]

    def again_view(self, request, object_id):
        """Push now, whatever it was waiting for."""
        push = found(self, request, str(object_id))
        if not _may_repeat(request.user):
            raise PermissionDenied

        def act() -> str:
            if not deciding.again(Push.objects.filter(pk=push.pk), request.user, clock.now()):
                raise ValueError("It is over, or just being written, so nothing was done.")
            return f"{push.contact} is pushed again now."

        lines = ["They are written with what is known now; who is in the CRM already is not made twice."]
        if push.state == Push.State.FAILED:
            lines.append(f"{push.contact} has gone on by “failed” and stays where they are now.")
        back = reverse("admin:integrations_push_change", args=[push.pk])
        title = f"Push {push.contact} to {push.connection} again?"
        return ask(request, self, title=title, lines=lines, button="Push again", act=act, back=back)


def _may_repeat(user) -> bool:
    return user.has_perm("integrations.change_connection") or user.has_perm("campaigns.publish_campaign")
