"""Call a webhook: one call to a server of somebody else's, and then the way that its outcome names."""

from automation.call_models import Call
from automation.forms.webhook import WebhookForm
from automation.webhooks import config as settings_of
from automation.webhooks import queueing, receivers, writing
from campaigns.step_kinds import Arm, Done, StepKind, Wait


class WebhookKind(StepKind):
    key, label, icon = "webhook", "Call a webhook", "webhook"
    group, form = "Outside", WebhookForm
    saw = {"status": "Status of the answer"}
    help = "Tells another system, such as your shop or your CRM, and keeps what it answers."
    outside = True

    def problems(self, config):
        hook = settings_of.read(config)
        if hook is None:
            return ["This step cannot be read; fill in its settings again."]
        if found := list(settings_of.problems(hook)):
            return found
        return [*writing.problems(hook), *_about_secrets(hook)]

    def references(self, config):
        return [("webhook", settings_of.origin(config["url"])[:200])]

    def describe(self, config):
        hook = settings_of.read(config)
        host = settings_of.origin(hook.url).partition("://")[2] if hook else ""
        return f"call the webhook of {host}" if host else "call a webhook"

    def arms(self, config):
        return [Arm("failed", "It failed"), Arm("done", "It answered")]

    def run(self, visits, now):
        calls = self._begun(visits)
        missing = [visit for visit in visits if _place(visit) not in calls]
        for call, visit in zip(queueing.queue(missing, now), missing, strict=True):
            calls[_place(visit)] = call
        return [self._outcome(calls[_place(visit)]) for visit in visits]

    def _begun(self, visits):
        there = [visit for visit in visits if visit.pk]
        if not there:
            return {}
        ids = {visit.enrollment.pk for visit in there}
        rows = Call.objects.filter(enrollment__in=ids, step_uid=there[0].step_uid).select_related("receiver")
        return {(row.enrollment_id, row.occurrence): row for row in rows}

    def _outcome(self, call):
        if call.state == Call.State.DONE:
            return Done(call.reason, facts={"status": call.status})
        if call.settled_at:
            return Done(call.reason, arm="failed", facts={"status": call.status} if call.status else None)
        return Wait(f"Waits for the answer of {call.receiver}.", None)


def _place(visit):
    return visit.enrollment.pk, visit.occurrence


def _about_secrets(hook):
    origin = settings_of.origin(hook.url)
    known = receivers.known_headers(origin, [header.secret for header in hook.headers if header.secret])
    for header in hook.headers:
        if header.secret and header.secret not in known:
            yield f"Type the value of the secret header “{header.name}” again: this server has none under that name."
