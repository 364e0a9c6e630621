"""What the reader of a message must have agreed to, and must not have refused: asked when it is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from campaigns.models import Message
from contacts import consent

HELD_FOR_TESTS = " What an address has refused holds for test runs, too."


def is_of_a_run(message: Message) -> bool:
    """Was it made by a test run?"""
    return message.campaign is not None and message.campaign.test_of_id is not None


def verdicts(messages: Sequence[Message], now: datetime) -> Iterator[tuple[Message, consent.Verdict]]:
    """Whether each may go out now; a query for each topic and kind of mail."""
    groups: dict[tuple[int | None, bool, bool], list[Message]] = {}
    for message in messages:
        groups.setdefault(_asked_of(message), []).append(message)
    for (topic_id, exempt, is_test), members in groups.items():
        found = consent.verdicts({m.address_id for m in members if m.address_id}, topic_id, exempt, now)
        gone = consent.Verdict(False, "no_address", "The contact has no e-mail address.")
        for message in members:
            yield message, _in_words(found.get(message.address_id or 0, gone), is_test)


def _asked_of(message: Message) -> tuple[int | None, bool, bool]:
    """Of which topic consent is needed, whether an unsubscription from everything is passed by, whether it is a test.

    The mails of a run need nobody's consent, but anybody can be made a test contact, and a draft may say of any mail
    that it is transactional: so none of them passes by a refusal. Notes to the team are mails like others.
    """
    if is_of_a_run(message) and message.purpose != Message.Purpose.NOTE:
        return None, False, True
    return message.topic_id, message.purpose != Message.Purpose.MARKETING, False


def _in_words(verdict: consent.Verdict, is_test: bool) -> consent.Verdict:
    refused = is_test and verdict.outcome in ("unsubscribed", "suppressed")
    return replace(verdict, sentence=verdict.sentence + HELD_FOR_TESTS) if refused else verdict
