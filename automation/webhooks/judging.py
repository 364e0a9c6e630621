"""What an attempt means for its call: done, failed, or tried again, and when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from automation.call_models import Call
from automation.webhooks.config import Hook, success_codes
from lib.again import AGAIN, MOST_TRIES, retry_after, roughly, wait_before
from lib.clean_json import MAX_DEPTH, Unclean, parse
from lib.http_call import Answer, Failed

State = Call.State
EXCERPT = 1000


@dataclass
class Result:
    """What came of an attempt at a call, as it is to be written down."""

    call: Call
    state: str
    sentence: str
    at: datetime
    milliseconds: int = 0
    status: int | None = None
    due_at: datetime | None = None
    excerpt: str = ""
    answer: dict[str, Any] | None = None
    failing: bool | None = None  # None: tells nothing about the receiver
    made: bool = field(default=True)  # False: no attempt was made at all


def answered(call: Call, hook: Hook, answer: Answer, at: datetime, seconds: float) -> Result:
    """Something was answered: it counts as success, is final, or is asked for again."""
    said = f"{call.receiver} answered {in_full(answer.status)}"
    found = Result(call, State.DONE, f"{said}.", at, round(seconds * 1000), answer.status, excerpt=_excerpt(answer))
    found.failing = answer.status >= 500 or answer.status == 429
    if any(answer.status in codes for codes in success_codes(hook.success) or ()):
        found.failing = False
        found.answer, remark = _json_of(answer)
        found.sentence = f"{said}.{remark}"
    elif 300 <= answer.status < 400:
        found.state = State.FAILED
        found.sentence = f"{said}, which points elsewhere; webhooks do not follow. Write the final address in the step."
    elif answer.status in AGAIN or answer.status >= 500:
        _again(found, said, retry_after(answer.headers, at), hook)
    else:
        found.state = State.FAILED
    return found


def unanswered(call: Call, hook: Hook, fault: Failed, at: datetime, seconds: float) -> Result:
    """Nothing was answered."""
    found = Result(call, State.FAILED, str(fault), at, round(seconds * 1000))
    if not fault.permanent:
        found.failing = True
        _again(found, str(fault).rstrip("."), None, hook)
    return found


def unwritable(call: Call, why: str, at: datetime) -> Result:
    return Result(call, State.FAILED, why, at, made=False)


def withdrawn(call: Call, at: datetime) -> Result:
    return Result(call, State.CANCELLED, "The contact is no longer in this step.", at, made=False)


def in_full(status: int) -> str:
    """ "404 Not Found"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _again(found: Result, said: str, asked_for: timedelta | None, hook: Hook) -> None:
    wait = wait_before(found.call.pk, found.call.tries + 1, asked_for)
    if wait is None:
        found.state, found.sentence = State.FAILED, f"{said}, after {MOST_TRIES} attempts."
        return
    if hook.patience and found.at + wait > found.call.created_at + timedelta(minutes=hook.patience):
        found.state, found.sentence = State.FAILED, f"{said}; given up, as the step says."
        return
    found.state, found.due_at = State.QUEUED, found.at + wait
    found.sentence = f"{said}; tried again in {roughly(wait)}."


def _json_of(answer: Answer) -> tuple[dict[str, Any] | None, str]:
    """The answer to be kept, and a remark where there was one that cannot be."""
    if not answer.body.strip():
        return None, ""
    if answer.cut:
        return None, " What it said is not kept: it is longer than 64 KB."
    try:
        value = parse(answer.body, levels=MAX_DEPTH - 3)
    except Unclean:
        return None, " What it said is not kept: it is not JSON."
    return (value, "") if isinstance(value, dict) else (None, " What it said is not kept: it is not a JSON object.")


def _excerpt(answer: Answer) -> str:
    return answer.body[: 4 * EXCERPT].decode(errors="replace").replace("\x00", "�")[:EXCERPT]
