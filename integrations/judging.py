"""What a connector said of a row, as it is written down: the push's state, when next, what it means for others."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integrations.connectors import Said
from integrations.models import Push
from lib.again import MOST_TRIES, roughly, wait_before

State = Push.State
REST = timedelta(seconds=30)  # of a connection whose CRM did not answer


@dataclass
class Result:
    """What came of a push."""

    push: Push
    state: str
    sentence: str
    due_at: datetime | None = None
    made: bool = True  # False: it counts as no attempt
    external_id: str = ""
    link: str = ""
    sent: dict[str, Any] = field(default_factory=dict)
    forget: bool = False  # the record that we knew is not there any more
    rests_until: datetime | None = None
    pause: str = ""  # why the whole connection is paused


def judged(push: Push, said: Said, at: datetime) -> Result:
    """The result of what was said."""
    return JUDGES[said.what](push, said, at)


def failed(push: Push, why: str) -> Result:
    return Result(push, State.FAILED, why, made=False)


def cancelled(push: Push) -> Result:
    return Result(push, State.CANCELLED, "The contact is no longer in this step.", made=False)


def next_time(push: Push, at: datetime) -> Result:
    """Nothing was tried: it is next."""
    return Result(push, State.QUEUED, push.reason, due_at=push.due_at or at, made=False)


def paused(push: Push, why: str, at: datetime) -> Result:
    """The connection does not work; the push waits until a person has mended that."""
    return Result(push, State.QUEUED, f"Waits: the connection is paused. {why}", push.due_at or at, False, pause=why)


def _written(push: Push, said: Said, at: datetime) -> Result:
    verb = "Created" if said.sentence == "created" else "Updated"
    sentence = f"{verb} as record {said.external_id} in {push.connection}."
    link = said.link if said.link.startswith("https://") else ""
    return Result(push, State.DONE, sentence, external_id=said.external_id, link=link)


def _refused(push: Push, said: Said, at: datetime) -> Result:
    return Result(push, State.FAILED, said.sentence)


def _gone(push: Push, said: Said, at: datetime) -> Result:
    if push.tries + 1 >= MOST_TRIES:
        return Result(push, State.FAILED, f"{push.connection} has no such record.", forget=True)
    sentence = f"Its record is not in {push.connection} any more; written again as a new one."
    return Result(push, State.QUEUED, sentence, due_at=at, forget=True)


def _later(push: Push, said: Said, at: datetime) -> Result:
    rests = at + (said.after or REST)
    wait = wait_before(push.pk, push.tries + 1, said.after)
    if wait is None:
        return Result(push, State.FAILED, f"{said.sentence}, after {MOST_TRIES} attempts.", rests_until=rests)
    sentence = f"{said.sentence}; tried again in {roughly(wait)}."
    return Result(push, State.QUEUED, sentence, due_at=at + wait, rests_until=rests)


JUDGES = {
    "written": _written,
    "refused": _refused,
    "gone": _gone,
    "later": _later,
    "not_reached": lambda push, said, at: next_time(push, at),
    "not_allowed": lambda push, said, at: paused(push, said.sentence, at),
}


def rests(results: list[Result]) -> datetime | None:
    """Until when the whole connection rests."""
    return max((one.rests_until for one in results if one.rests_until), default=None)


def pauses(results: list[Result]) -> str:
    return next((one.pause for one in results if one.pause), "")
