"""The fuse: a step that is about to mail far more people than on any day before is held until a person releases it.

What counts is who would be mailed now, so it is asked last, after windows and limits. The beginnings of mails are rows
that are only added to: two workers do not wait for each other, and may overshoot by a batch. Whoever is held stands in
the step, without a message and without a time; as long as somebody does so, the fuse of the step is blown
(`automation.fuse_releasing` holds the campaign against every batch, so nobody is left behind).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Sum

from automation import fuse_notices
from automation.documents import of_version
from automation.fuse_models import Expected, Fuse, Mailed
from automation.models import Visit
from campaigns import doors
from campaigns.models import Campaign, Message
from campaigns.step_kinds import Outcome, Wait
from ops.models import SiteSettings

LEAST = doors.MANY_A_DAY
TIMES = 20
FIRST_DAYS = timedelta(days=7)
BROADCAST_TIMES = 2  # of what was confirmed: a segment grows while a broadcast waits for its hour
BOUNCED, BOUNCED_OF = 0.05, 200
Cause = Fuse.Cause

# Days before are looked at only by whoever comes near the limit.
_TAKE = """
WITH today AS MATERIALIZED (
    SELECT coalesce(sum(mailed), 0) AS mailed, coalesce(sum(mailed - released), 0) AS used
    FROM automation_mailed WHERE campaign_id = %(campaign)s AND step_uid = %(step)s AND day = %(day)s
), fuse AS MATERIALIZED (
    SELECT blown_at, released_on = %(day)s AS fresh, more
    FROM automation_fuse WHERE campaign_id = %(campaign)s AND step_uid = %(step)s
), expected AS MATERIALIZED (
    SELECT coalesce((SELECT people FROM automation_expected WHERE campaign_id = %(campaign)s), 0) AS people
), first AS MATERIALIZED (
    SELECT greatest(0, least(%(first)s, expected.people - mailed)) AS people FROM today, expected
), room AS MATERIALIZED (
    SELECT mailed, CASE
        WHEN EXISTS (SELECT FROM fuse WHERE blown_at IS NOT NULL) THEN 0
        WHEN %(transactional)s THEN %(people)s
        WHEN used + %(people)s <= %(least)s THEN %(people)s
        WHEN EXISTS (SELECT FROM fuse WHERE fresh AND more IS NULL) THEN %(people)s
        ELSE first.people + greatest(0, least(%(people)s - first.people, greatest(
            %(least)s,
            %(times)s * (SELECT max(its) FROM (
                SELECT sum(mailed) AS its FROM automation_mailed
                WHERE campaign_id = %(campaign)s AND step_uid = %(step)s AND day < %(day)s GROUP BY day) AS days),
            %(expected)s * expected.people
        ) + coalesce((SELECT more FROM fuse WHERE fresh), 0) - used)) END AS people
    FROM today, expected, first
), noted AS (
    INSERT INTO automation_mailed (campaign_id, step_uid, day, mailed, released, delivered, bounced)
    SELECT %(campaign)s, %(step)s, %(day)s, room.people + %(released)s, %(released)s + least(first.people, room.people),
        0, 0
    FROM room, first WHERE room.people + %(released)s > 0
)
SELECT people, mailed + people + %(released)s FROM room
"""

_SETTLED = """
INSERT INTO automation_mailed (campaign_id, step_uid, day, mailed, released, delivered, bounced)
SELECT m.campaign_id, m.step_uid, %(day)s, 0, 0, count(*) FILTER (WHERE m.outcome = 'sent'),
    count(*) FILTER (WHERE m.outcome = 'bounced' AND EXISTS (
        SELECT FROM contacts_suppression s WHERE s.digest = a.digest AND s.reason = 'bounce' AND s.cleared_at IS NULL))
FROM campaigns_message m JOIN contacts_contact c ON c.id = m.contact_id
LEFT JOIN contacts_address a ON a.id = m.address_id
WHERE m.id = ANY(%(messages)s) AND m.campaign_id IS NOT NULL AND m.step_uid <> '' AND NOT c.is_test
    AND m.outcome IN ('sent', 'bounced') AND m.purpose <> ALL(%(uncounted)s)
GROUP BY m.campaign_id, m.step_uid
RETURNING campaign_id, step_uid, bounced
"""

_COMPACT = """
WITH many AS (
    SELECT campaign_id, step_uid, day FROM automation_mailed WHERE day > %s
    GROUP BY campaign_id, step_uid, day HAVING count(*) > 1
), old AS (
    DELETE FROM automation_mailed m USING many
    WHERE m.campaign_id = many.campaign_id AND m.step_uid = many.step_uid AND m.day = many.day RETURNING m.*
)
INSERT INTO automation_mailed (campaign_id, step_uid, day, mailed, released, delivered, bounced)
SELECT campaign_id, step_uid, day, sum(mailed), sum(released), sum(delivered), sum(bounced)
FROM old GROUP BY campaign_id, step_uid, day
"""
_LOCK = "SELECT pg_try_advisory_xact_lock(7307)"


def held(
    visits: Mapping[int, Visit], now: datetime, site: SiteSettings, transactional: bool = False
) -> dict[int, Outcome]:
    """By the place of the visit: who waits for a person. All would be mailed now, and stand in the same step.

    What is transactional was asked for: however many they are, only bounces hold it. One statement; one more where some
    were released before; a few where somebody is held.
    """
    mailed = {place: visit for place, visit in visits.items() if _counts(visit)}
    if not mailed:
        return {}
    step = _Step(next(iter(mailed.values())), now, now.astimezone(site.zone).date(), transactional)
    passing = step.passing(mailed)
    others = [place for place in mailed if place not in passing]
    first = step.of_the_first_days(mailed, others)
    others.sort(key=lambda place: place not in first)
    room, so_far = step.take(len(others), len(passing), len(first))
    if room >= len(others):
        return {}
    kept = others[room:]
    fuse = step.blown(so_far, mailed[kept[0]])
    words, facts = f"Held by the fuse: {sentence(fuse, step.day)}", _facts(fuse)
    return {place: Wait(words, None, facts={**(mailed[place].facts or {}), **facts}) for place in kept}


def _counts(visit: Visit) -> bool:
    contact = visit.enrollment.contact
    return contact.address_id is not None and not contact.is_test


@dataclass
class _Step:
    """The step in which a batch stands, on the site's day."""

    visit: Visit
    now: datetime
    day: date
    transactional: bool

    def __post_init__(self) -> None:
        self.campaign: Campaign = self.visit.enrollment.campaign
        self.uid = self.visit.step_uid

    def passing(self, visits: Mapping[int, Visit]) -> set[int]:
        """Those whom a person let go on; not past bounces that came after that."""
        released = {place: at for place, visit in visits.items() if (at := (visit.facts or {}).get("fuse_released"))}
        fuse = of(self.campaign.pk, self.uid) if released else None
        if fuse is None or fuse.blown_at is None or fuse.cause != Cause.BOUNCES:
            return set(released)
        return {place for place, at in released.items() if datetime.fromisoformat(at) >= fuse.blown_at}

    def of_the_first_days(self, visits: Mapping[int, Visit], places: Sequence[int]) -> set[int]:
        """Who came in the campaign's first days and gets here later: they were counted when it was activated."""
        begun = self.campaign.activated_at
        if begun is None or self._expected():
            return set()
        return {place for place in places if visits[place].enrollment.entered_at < begun + FIRST_DAYS}

    def take(self, people: int, released: int, first: int = 0) -> tuple[int, int]:
        """For how many of the people there is room, and how many the step has mailed today with them.

        Those of the first days take no room from the others, as long as they are no more than was expected a day.
        """
        asked: dict[str, Any] = {
            "campaign": self.campaign.pk, "step": self.uid, "day": self.day, "people": people, "released": released,
            "first": first, "transactional": self.transactional, "least": LEAST, "times": TIMES,
            "expected": self._expected(),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, asked)
            return cursor.fetchone()

    def _expected(self) -> int:
        """How often the number that was said when the campaign was activated counts: 0, not any more."""
        if any(one.kind == "broadcast" for one in of_version(self.visit.enrollment.version_id).triggers):
            return BROADCAST_TIMES
        since = self.campaign.activated_at
        return int(since is not None and self.now < since + FIRST_DAYS)

    def blown(self, mailed: int, visit: Visit) -> Fuse:
        fuse = of(self.campaign.pk, self.uid)
        if fuse and fuse.blown_at:
            return fuse
        before = Mailed.objects.filter(campaign=self.campaign, step_uid=self.uid, day__lt=self.day)
        best = before.values("day").annotate(its=Sum("mailed")).order_by().aggregate(best=Max("its"))["best"] or 0
        return blow(
            self.campaign, self.uid, self.now, visit.enrollment.contact_id, Cause.MANY, mailed=mailed, best=best
        )


def of(campaign_id: int, uid: str) -> Fuse | None:
    return Fuse.objects.filter(campaign=campaign_id, step_uid=uid).first()


def today(now: datetime) -> date:
    return now.astimezone(SiteSettings.get().zone).date()


def blow(campaign: Campaign, uid: str, now: datetime, about: int, cause: str, **numbers: int) -> Fuse:
    """The step waits for a person from now on; the team is told once a day."""
    Fuse.objects.bulk_create([Fuse(campaign=campaign, step_uid=uid, cause=cause)], ignore_conflicts=True)
    closed = Fuse.objects.filter(campaign=campaign, step_uid=uid, blown_at=None)
    fresh = {"mailed": 0, "best": 0, "delivered": 0, "bounced": 0}
    new = closed.update(blown_at=now, cause=cause, **fresh | numbers)
    fuse = Fuse.objects.get(campaign=campaign, step_uid=uid)
    day = today(now)
    if new and fuse.told_on != day:
        fuse.told_on = day
        fuse.save(update_fields=["told_on"])
        fuse_notices.tell(campaign, fuse, sentence(fuse, day), about, now)
    return fuse


def sentence(fuse: Fuse, day: date) -> str:
    """Why it was blown, as it reads on that day."""
    assert fuse.blown_at
    its = today(fuse.blown_at)
    when = "today" if its == day else f"on {its.day} {its:%b %Y}"
    if fuse.cause == Cause.BOUNCES:
        of_all = f"{fuse.bounced:,} of its {fuse.bounced + fuse.delivered:,} mails"
        return f"{of_all} went to addresses that do not exist {when}."
    best = f"on its best day before it was {fuse.best:,}" if fuse.best else "it had mailed nobody on a day before"
    return f"this step mailed {fuse.mailed:,} people {when}; {best}."


def _facts(fuse: Fuse) -> dict:
    told = {"bounced": fuse.bounced, "delivered": fuse.delivered}
    if fuse.cause == Cause.MANY:
        told = {"mailed_that_day": fuse.mailed, "best_day_before": fuse.best}
    return {"fuse": "held", **told}


def expect(campaign: Campaign, people: int) -> None:
    """A listener to activating: so many people a day were shown, or said."""
    Expected.objects.update_or_create(campaign=campaign, defaults={"people": people})


# --- addresses that do not exist ---


def settled(messages: Sequence[Message], now: datetime) -> None:
    """A listener to settled mails: they are counted, and a step with too many hard bounces is held."""
    day = today(now)
    ids = [message.pk for message in messages]
    asked: dict[str, Any] = {"messages": ids, "day": day, "uncounted": Message.UNCOUNTED}
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, asked)
        bounced = [(campaign, uid) for campaign, uid, count in cursor.fetchall() if count]
    for campaign_id, uid in bounced:
        about = next(m.contact_id for m in messages if (m.campaign_id, m.step_uid) == (campaign_id, uid))
        _look_at_bounces(campaign_id, uid, about, day, now)


def _look_at_bounces(campaign_id: int, uid: str, about: int, day: date, now: datetime) -> None:
    delivered, bounced = counted(campaign_id, uid, day)
    fuse = of(campaign_id, uid)
    if fuse and fuse.released_on == day:
        delivered, bounced = delivered - fuse.delivered_before, bounced - fuse.bounced_before
    all_ = delivered + bounced
    if all_ < BOUNCED_OF or bounced <= BOUNCED * all_ or (fuse and fuse.blown_at):
        return
    if campaign := Campaign.objects.filter(pk=campaign_id).first():  # not that of a test run
        blow(campaign, uid, now, about, Cause.BOUNCES, delivered=delivered, bounced=bounced)


def counted(campaign_id: int, uid: str, day: date) -> tuple[int, int]:
    """How many of the step's mails were delivered that day, and how many bounced."""
    rows = Mailed.objects.filter(campaign=campaign_id, step_uid=uid, day=day)
    sums = rows.aggregate(delivered=Sum(F("delivered")), bounced=Sum(F("bounced")))
    return sums["delivered"] or 0, sums["bounced"] or 0


@transaction.atomic
def compact(now: datetime) -> None:
    """A sweep: one row a step and day; one worker at a time, those who only add rows do not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if cursor.fetchone()[0]:
            cursor.execute(_COMPACT, [today(now) - timedelta(days=14)])
