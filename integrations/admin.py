"""Connections in the admin: made, tried, paused and resumed; which properties are written; what came of pushes."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.models import Campaign, Reference
from integrations import connecting, deciding, push_admin, values  # noqa: F401  it registers itself
from integrations.connectors import CONNECTORS, Unusable
from integrations.forms import ConnectionForm
from integrations.models import Connection, Push
from lib import clock
from lib.admin import ask, moment
from lib.pages import found, page, tell
from lib.words import people

SHOWN = 10
DEEDS = ("test", "pause", "resume", "retry")


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):
    list_display = ["name", "crm", "badge", "made"]
    actions = None
    search_fields = ["name"]
    empty_icon = "contact_mail"
    empty_title = "No connections yet"
    empty_sentence = "A connection is an account at a CRM, such as HubSpot, that campaigns may write people to."
    made = moment("created_at", "created")

    def has_delete_permission(self, request, obj=None):
        return False  # steps, pushes and records name it; a paused one does nothing

    @display(description="CRM")
    def crm(self, connection):
        return connection.connector.label if connection.connector else connection.kind

    @display(description="state", label={"Active": "success", "Paused": "danger"})
    def badge(self, connection):
        return connection.get_state_display()

    def get_urls(self):
        view = self.admin_site.admin_view
        own = [path("<int:object_id>/edit/", view(self.edit_view), name="integrations_connection_edit")]
        for deed in DEEDS:
            name = f"integrations_connection_{deed}"
            own.append(path(f"<int:object_id>/{deed}/", view(getattr(self, f"{deed}_view")), name=name))
        return [*own, *super().get_urls()]

    # --- making and changing ---

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        kinds = list(CONNECTORS)
        kind = CONNECTORS.get(request.GET.get("kind", "")) or (kinds[0] if len(kinds) == 1 else None)
        if kind is None:
            return page(self, request, "integrations/choose.html", "Connect a CRM", kinds=kinds)
        return self._form(request, Connection(kind=kind.key), "Connect " + kind.label)

    def edit_view(self, request, object_id):
        connection = self._mine(request, object_id)
        return self._form(request, connection, f"Change {connection}")

    def _form(self, request, connection, title):
        connector = connection.connector
        if connector is None:
            tell(request, f"The connector “{connection.kind}” is not installed any more.", messages.ERROR)
            return HttpResponseRedirect(connection.get_absolute_url())
        data = request.POST if request.method == "POST" else None
        form = ConnectionForm(data, connection=connection, connector=connector)
        own = connector.Form(data, initial=connector.Form.initial_from(connection.config), prefix="config")
        if data is not None and form.is_valid() & own.is_valid():
            saved = connecting.save(connection, {**form.typed(), "config": own.config()}, request.user)
            if form.cleaned_data["secret"]:
                self._tried(request, saved)
            else:
                tell(request, f"{saved} is saved.")
            return HttpResponseRedirect(saved.get_absolute_url())
        back = connection.get_absolute_url() if connection.pk else reverse("admin:integrations_connection_changelist")
        shown = connection if connection.pk else None
        context = {"form": form, "own": own, "connector": connector, "back": back, "media": form.media + own.media}
        return page(self, request, "integrations/form.html", title, shown, **context)

    def _tried(self, request, connection) -> None:
        """Said at once, so that nobody finds out by a campaign that the token is wrong."""
        try:
            tell(request, f"{connection} is saved. {connecting.check(connection, clock.now())}")
        except Unusable as fault:
            tell(request, f"{connection} is saved, but does not work yet: {fault}", messages.WARNING)

    # --- one connection ---

    def change_view(self, request, object_id, form_url="", extra_context=None):
        connection = found(self, request, object_id)
        pushes = Push.objects.filter(connection=connection)
        counts = dict(pushes.order_by().values_list("state").annotate(Count("pk")))
        latest = pushes.select_related("contact__address", "campaign").order_by("-id")[:SHOWN]
        return page(
            self,
            request,
            "integrations/connection.html",
            str(connection),
            connection,
            connection=connection,
            connector=connection.connector,
            counts=[(label, counts[key], key) for key, label in Push.State.choices if key in counts],
            failed=counts.get(Push.State.FAILED, 0),
            latest=latest if request.user.has_perm("integrations.view_push") else [],
            lost=values.lost(connection),
            campaigns=_used_by(connection) if request.user.has_perm("campaigns.view_campaign") else [],
            now=clock.now(),
            may=self.has_change_permission(request, connection),
        )

    def _mine(self, request, object_id) -> Connection:
        connection = found(self, request, str(object_id))
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        return connection

    def _ask(self, request, connection, title, lines, button, act, danger=False):
        back = connection.get_absolute_url()
        return ask(request, self, title=title, lines=lines, button=button, act=act, back=back, danger=danger)

    def test_view(self, request, object_id):
        connection = self._mine(request, object_id)

        def act() -> str:
            try:
                return connecting.check(connection, clock.now())
            except Unusable as fault:
                raise ValueError(str(fault)) from fault

        lines = ["Nobody is written: the CRM is only asked who we are, and whether we may read contacts."]
        return self._ask(request, connection, f"Test {connection}?", lines, "Test it", act)

    def pause_view(self, request, object_id):
        connection = self._mine(request, object_id)

        def act() -> str:
            deciding.pause(connection, request.user, clock.now())
            return f"{connection} is paused."

        lines = ["Nobody is written to the CRM until you resume it. People who come to such a step wait there."]
        return self._ask(request, connection, f"Pause {connection}?", lines, "Pause", act)

    def resume_view(self, request, object_id):
        connection = self._mine(request, object_id)

        def act() -> str:
            waiting = deciding.resume(connection, request.user, clock.now())
            return f"{connection} goes on; {waiting:,} waited." if waiting else f"{connection} goes on."

        waiting = Push.objects.filter(connection=connection, state=Push.State.QUEUED).count()
        who = f"{people(waiting)} {'waits, and is' if waiting == 1 else 'wait, and are'} written to the CRM now."
        lines = [who if waiting else "Nobody waits to be written to the CRM."]
        return self._ask(request, connection, f"Resume {connection}?", lines, "Resume", act)

    def retry_view(self, request, object_id):
        connection = self._mine(request, object_id)
        failed = Push.objects.filter(connection=connection, state=Push.State.FAILED)

        def act() -> str:
            count = deciding.again(failed, request.user, clock.now())
            if not count:
                raise ValueError("Nothing is failed any more, so nothing was done.")
            return f"{count:,} are pushed again." if count != 1 else "1 is pushed again."

        count = failed.count()
        lines = [
            f"{count:,} failed. They are written again with what is known now; who is in the CRM already is not made "
            "twice.",
            "People have gone on by “failed” and stay where they are.",
        ]
        return self._ask(request, connection, "Push again what failed?", lines, "Push again", act)


def _used_by(connection: Connection) -> QuerySet[Campaign]:
    """Campaigns whose published steps push to it."""
    here = Reference.objects.filter(kind="connection", key=str(connection.pk)).values("version")
    return Campaign.objects.filter(live__in=here).exclude(state=Campaign.State.ARCHIVED).order_by("name")
