"""Random split: each contact gets a way by chance, once and for ever; changed shares move nobody."""

import msgspec

from automation.forms.split import SplitForm
from automation.holdouts import share
from automation.kinds.arms import about_arms, read
from automation.models import Assignment
from campaigns.step_kinds import Arm, Done, StepKind

FEWEST, MOST = 2, 10


class Share(msgspec.Struct, kw_only=True):
    """One arm."""

    uid: str = ""
    name: str = ""
    percent: int = 0


class Shares(msgspec.Struct, kw_only=True):
    """The configuration."""

    arms: list[Share] = []


class SplitKind(StepKind):
    key, label, icon = "split", "Random split", "alt_route"
    help = "Sends people different ways by chance, in shares of a hundred. Whoever got a way keeps it."
    form = SplitForm

    def problems(self, config):
        shares = read(config, Shares)
        if shares is None:
            return ["This step cannot be read; give each way a name and a whole number of percent."]
        found = list(about_arms(shares.arms, FEWEST, MOST))
        if any(not 0 <= arm.percent <= 100 for arm in shares.arms):
            found.append("A share is a whole number from 0 to 100.")
        elif shares.arms and (total := sum(arm.percent for arm in shares.arms)) != 100:
            found.append(f"The shares come to {total} %; make them 100.")
        return found

    def describe(self, config):
        shares = read(config, Shares)
        said = [f"{arm.percent} % “{arm.name}”" for arm in shares.arms] if shares else []
        return f"split at random: {', '.join(said)}" if said else "split at random"

    def arms(self, config):
        shares = read(config, Shares)
        return [Arm(arm.uid, f"{arm.name} ({arm.percent} %)") for arm in (shares.arms if shares else [])]

    def run(self, visits, now):
        arms = {arm.uid: arm for arm in msgspec.convert(visits[0].step.config, Shares).arms}
        kept = _assigned(visits)
        _assign([visit for visit in visits if kept.get(visit.enrollment.contact_id) not in arms], arms, now)
        given = _assigned(visits)
        return [_outcome(visit, arms, kept, given) for visit in visits]


def _assigned(visits) -> dict[int, str]:
    """Contact → the arm that it was given in this step."""
    rows = Assignment.objects.filter(
        campaign=visits[0].enrollment.campaign,
        name=visits[0].step_uid,
        contact__in=[visit.enrollment.contact_id for visit in visits],
    )
    return dict(rows.values_list("contact_id", "arm"))


def _assign(visits, arms: dict[str, Share], now) -> None:
    """By hash; whose arm is not there any more gets another one."""
    chosen = {visit.enrollment.contact_id: visit for visit in visits}
    rows = [
        Assignment(
            campaign=visit.enrollment.campaign, contact_id=contact_id, name=visit.step_uid, at=now,
            arm=_by_chance(share(visit.enrollment.campaign_id, contact_id, visit.step_uid), arms),
        )
        for contact_id, visit in sorted(chosen.items())
    ]  # fmt: skip
    Assignment.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["campaign", "contact", "name"], update_fields=["arm", "at"]
    )


def _by_chance(number: float, arms: dict[str, Share]) -> str:
    reached = 0
    for uid, arm in arms.items():
        reached += arm.percent
        if number < reached:
            return uid
    return next(reversed(arms))


def _outcome(visit, arms: dict[str, Share], kept: dict[int, str], given: dict[int, str]) -> Done:
    contact_id = visit.enrollment.contact_id
    arm = arms[given[contact_id]]
    if kept.get(contact_id) == arm.uid:
        return Done(f"Goes the way “{arm.name}”, as it was given earlier.", arm=arm.uid)
    return Done(f"Goes the way “{arm.name}”, by chance ({arm.percent} %).", arm=arm.uid)
