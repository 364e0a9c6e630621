"""Outcomes speak plainly, and replies are classed by what they mean for the address and the sender."""

import pytest

from campaigns.delivery import Outcome, kind_of


def test_every_outcome_speaks_plainly():
    cases = {
        "The receiving server refused the address (550 5.1.1): no such user.": (
            Outcome(1, "hard_bounce", "rcpt", 550, "5.1.1", "no such user")
        ),
        "The mailbox is full (452).": Outcome(1, "soft_bounce", "rcpt", 452),
        "The receiving server accepted the message (250 2.0.0): queued as 7.": (
            Outcome(1, "sent", "dot", 250, "2.0.0", "queued as 7.")
        ),
        "The message was withdrawn just before it was sent.": Outcome(1, "abandoned", "commit"),
    }
    for sentence, outcome in cases.items():
        assert outcome.sentence == sentence


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_demand_to_log_in_is_about_the_account(code):
    assert kind_of("mail", code, "5.7.0", "log in") == "login"
