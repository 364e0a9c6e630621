"""Push to a CRM: the contact's record there is made or kept up, and the way on says whether that worked."""

from collections.abc import Iterator

import msgspec

from automation import liquid_values
from automation.kinds.arms import read
from campaigns.step_kinds import Arm, Done, StepKind, Wait
from integrations import queueing
from integrations.models import Connection, Push
from integrations.step_form import CrmForm

MOST_VALUES = 50


class Value(msgspec.Struct, kw_only=True):
    """One value of the step's own; may be Liquid."""

    property: str = ""
    value: str = ""


class Setting(msgspec.Struct, kw_only=True):
    """The configuration; `connection` is its number."""

    connection: int = 0
    values: list[Value] = []


class CrmKind(StepKind):
    key, label, icon = "crm", "Push to a CRM", "contact_mail"
    group, form = "Outside", CrmForm
    help = "Makes their record in your CRM, or brings it up to date, so that sales see what is known here."
    saw = {"record": "Its id there", "link": ""}  # the explanation has the link
    outside = True

    def problems(self, config):
        setting = read(config, Setting)
        if setting is None:
            return ["This step cannot be read; fill in its settings again."]
        connection = _chosen(setting)
        if connection is None:
            return ["Choose the connection: the account at your CRM. They are made under Settings › Connections."]
        return [*_about_values(connection, setting.values)]

    def references(self, config):
        return [("connection", str(config["connection"]))]

    def describe(self, config):
        setting = read(config, Setting)
        found = _chosen(setting) if setting else None
        return f"push them to {found}" if found else "push them to a CRM"

    def arms(self, config):
        return [Arm("failed", "It failed"), Arm("done", "It is there")]

    def run(self, visits, now):
        connection = Connection.objects.get(pk=visits[0].step.config["connection"])
        pushes = self._begun(visits)
        fresh = [visit for visit in visits if _place(visit) not in pushes and not _is_passed_by(connection, visit)]
        for push, visit in zip(queueing.queue(connection, fresh, now) if fresh else [], fresh, strict=True):
            pushes[_place(visit)] = push
        return [_outcome(connection, pushes.get(_place(visit))) for visit in visits]

    def _begun(self, visits):
        there = [visit for visit in visits if visit.pk]
        if not there:
            return {}
        rows = Push.objects.filter(enrollment__in={visit.enrollment.pk for visit in there}, step_uid=there[0].step_uid)
        return {(row.enrollment_id, row.occurrence): row for row in rows}


def _chosen(setting: Setting) -> Connection | None:
    there = 0 < setting.connection < 2**63
    return Connection.objects.filter(pk=setting.connection).first() if there else None


def _place(visit) -> tuple[int, int]:
    return visit.enrollment.pk, visit.occurrence


def _is_passed_by(connection: Connection, visit) -> bool:
    return visit.enrollment.contact.is_test and not connection.pushes_tests


def _outcome(connection: Connection, push: Push | None):
    if push is None:
        return Done(f"A test contact, so nothing was pushed to {connection}.")
    if push.state == Push.State.DONE:
        facts = {"record": push.external_id, **({"link": push.link} if push.link else {})}
        return Done(f"{push.reason} {push.link}".strip(), facts=facts)
    if push.settled_at:
        return Done(f"Not pushed to {connection}: {push.reason}", arm="failed")
    return Wait(f"Waits until {connection} has them.", None)


def _about_values(connection: Connection, values: list[Value]) -> Iterator[str]:
    if len(values) > MOST_VALUES:
        yield f"A step has at most {MOST_VALUES} values of its own; remove some."
        return
    names = [one.property for one in values]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"“{name[:60]}” stands there twice; remove one."
    for one in values:
        wrong = connection.connector.about_property(one.property) if connection.connector else ""
        if wrong:
            yield wrong
        elif not one.value.strip():
            yield f"Write the value of “{one.property[:60]}” behind its colon."
        else:
            yield from liquid_values.problems(one.value, f"The value of “{one.property[:60]}”")
