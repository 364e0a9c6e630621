"""What really happened to the contacts of a test, beside the engine: for the oracle, and to compare the two."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from math import isclose

from django.db import connection

from contacts.models import CompanyMember, Contact, ContactTag, Identity
from contacts.models import Merge as Merging
from scoring import reading
from scoring.document import Document, parse
from scoring.models import Score, ScoreChange, ScoreModel
from segments import conditions, membership
from segments.models import Membership, Segment
from tests.scoring import oracle
from tests.scoring.oracle import Facts, Gift, Happening, Held, Levels

CLOSE = 1e-4
MINUTE = timedelta(minutes=1)


class World:
    """Events by user, what was given by contact; the rest as the contacts' tables say."""

    def __init__(self):
        self.happenings: dict[str, list[Happening]] = defaultdict(list)
        self.gifts: dict[int, tuple[str, int, Gift]] = {}
        """By the row of the ledger: the model's key, the contact, what it was."""

    def facts(self, key: str) -> dict[int, Facts]:
        """Everybody, as the model of that key sees them."""
        rows = Contact.objects.current()
        found = {row.pk: Facts(attributes=row.attributes, created_at=row.created_at) for row in rows}
        became = {pk: into or pk for pk, into in Contact.objects.values_list("pk", "merged_into")}
        for contact, tag in ContactTag.objects.filter(contact__in=found).values_list("contact", "tag__name"):
            found[contact].tags.add(tag)
        for member in CompanyMember.objects.filter(contact__in=found).select_related("company"):
            found[member.contact_id].companies.append({**member.company.attributes, "key": member.company.key})
        for user, contact in Identity.objects.filter(kind="user").values_list("value", "contact"):
            found[became[contact]].happenings += self.happenings[user]
        for model, contact, gift in self.gifts.values():
            if model == key:
                found[became[contact]].gifts.append(gift)
        return found


# --- what must be so once everything is worked off ---


def check(model: ScoreModel, world: World, now: datetime) -> None:
    """The engine's scores, ledger, bands and due times of one model are what the oracle says of everybody."""
    document, facts = parse(model.definition), world.facts(model.key)
    standings = reading.standings(model, facts, now)
    wanted = {pk: oracle.score(document, its, now) for pk, its in facts.items()}
    for pk, worth in wanted.items():
        found = standings[pk]
        same = all(isclose(getattr(found, part), getattr(worth, part), abs_tol=CLOSE) for part in PARTS)
        assert same, f"{model.key} of {pk} at {now}: {found}, but should be {worth}"
    _ledger_adds_up(model, document, facts, standings, now)
    _no_more_rows_than_count(model, document, facts, now)
    _bands_follow(model, document, wanted)
    _looked_at_in_time(model, document, facts, now)
    assert wrong_flows() == []


PARTS = ("points", "fit", "engagement")


def _ledger_adds_up(model: ScoreModel, document: Document, facts, standings, now: datetime) -> None:
    """The lines that people read, under their caps, come to the score that they read."""
    for pk in facts:
        lines = reading.ledger(model, pk, now, limit=1_000)
        worths: dict[str, float] = {}
        given = 0.0
        for line in lines:
            if rule := line.change.rule:
                worths[rule.uid] = worths.get(rule.uid, 0) + line.worth
            else:
                given += line.worth
        total = oracle.clamped(given + oracle.capped(document, worths), document.floor, document.ceiling)
        assert isclose(total, standings[pk].points, abs_tol=CLOSE), (pk, total, standings[pk], worths, given)


def _no_more_rows_than_count(model: ScoreModel, document: Document, facts, now: datetime) -> None:
    rows = ScoreChange.objects.live().filter(model=model, rule__isnull=False)
    live = Counter(rows.values_list("contact", "rule__uid"))
    wanted = {pk: oracle.live_rows(document, its, now) for pk, its in facts.items()}
    unfinished = set(Merging.objects.filter(due_at__isnull=False).values_list("loser", flat=True))
    found = {key: n for key, n in live.items() if key[0] not in unfinished}
    assert found == {(pk, uid): n for pk, its in wanted.items() for uid, n in its.items()}


def _bands_follow(model: ScoreModel, document: Document, wanted) -> None:
    for row in Score.objects.filter(model=model, contact__in=wanted):
        worth = wanted[row.contact_id]
        for place, value, thresholds in (
            (row.band, worth.points, oracle.bands_from(document)),
            (row.fit_grade, worth.fit, document.fit_grades),
            (row.engagement_grade, worth.engagement, document.engagement_grades),
        ):
            low = oracle.reached(value - CLOSE, thresholds)
            high = oracle.reached(value + document.margin + CLOSE, thresholds)
            assert low <= place <= high, (model.key, row.contact_id, place, value, thresholds)


def _looked_at_in_time(model: ScoreModel, document: Document, facts, now: datetime) -> None:
    levels = Levels(model.levels, model.fit_levels, model.engagement_levels)
    for row in Score.objects.filter(model=model, contact__in=facts):
        held = Held(row.band, row.fit_grade, row.engagement_grade)
        if crossing := oracle.first_crossing(document, facts[row.contact_id], held, levels, now):
            at, what = crossing
            assert row.due_at is not None, f"nobody looks at {row.contact_id} in {model.key} again: {what} at {at}"
            assert row.due_at <= at + MINUTE, f"{row.contact_id} in {model.key}: {what} at {at}, due {row.due_at}"


_FLOWS = """
SELECT model_id, band, sum(net) FROM (
    SELECT model_id, band, net FROM scoring_scoreflow UNION ALL SELECT model_id, band, -1 FROM scoring_score
) AS moves GROUP BY model_id, band HAVING sum(net) <> 0
"""


def wrong_flows() -> list[tuple]:
    """(model, band, how many too many): who came into each band less who left are those who are in it."""
    with connection.cursor() as cursor:
        cursor.execute(_FLOWS)
        return cursor.fetchall()


def segments_hold_the_right_people(world: World, now: datetime) -> None:
    """Those in a segment are those for whom its condition is true: by asking everybody, and by the oracle."""
    for segment in Segment.objects.dynamic():
        held = set(Membership.objects.current().filter(segment=segment).values_list("contact_id", flat=True))
        asked = set(membership.inside(segment, now).values_list("pk", flat=True))
        assert held == asked, f"{segment} at {now}: {segment.condition}"
        for leaf in conditions.leaves(segment.condition):
            _, key, *part = leaf["field"].split(".")
            model = ScoreModel.objects.filter(key=key, is_active=True).first()
            if model and part in ([], ["fit"], ["engagement"]) and segment.condition == leaf:
                assert held == _fitting(model, leaf, world, now), f"{segment} at {now}"


def _fitting(model: ScoreModel, leaf: dict, world: World, now: datetime) -> set[int]:
    document = parse(model.definition)
    part = leaf["field"].split(".")[2:] or ["points"]
    tree = {**leaf, "field": "score.it"}
    found = set()
    for pk, its in world.facts(model.key).items():
        value = getattr(oracle.score(document, its, now), part[0])
        if oracle.fits(tree, lambda _, value=value: [value], now):
            found.add(pk)
    return found


def nobody_merged_has_a_score() -> None:
    """After the second look at a merge."""
    done = Merging.objects.filter(due_at=None).values("loser")
    assert not Score.objects.filter(contact__in=done).exists()
    assert not ScoreChange.objects.live().filter(contact__in=done).exists()
