"""A send window that leaves no time outside the quiet hours is found while one edits, and keeps one from publishing."""

import json

import pytest

from automation.opening import opening
from campaigns import publishing, windows
from campaigns.checking import problems
from campaigns.document import Document, StepDoc, Trigger, to_json
from campaigns.windows import Window
from tests.campaigns.test_canvas_pages import ask, url
from tests.campaigns.typing_in import browser
from tests.factories import NOW, CampaignFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db
NIGHT = {"from": "22:00", "to": "06:00"}
IN_VAIN = (
    "The send window, 22:00 to 06:00 the next day, lies in the quiet hours of the site, 21:00 to 08:00, "
    "so nothing would ever be sent; choose another window."
)


def mails(*steps, window=None, transactional=False):
    """A campaign of mails, each with this window (None: it has none of its own)."""
    template = TemplateFactory(transactional=transactional).pk
    steps = [
        StepDoc(uid=f"mail{n}", kind="email", config={"template": template} | ({"window": own} if own else {}))
        for n, own in enumerate(steps)
    ]
    for one, next_ in zip(steps, steps[1:], strict=False):
        one.next = {"done": next_.uid}
    return Document(name="Nights", triggers=[Trigger(event="users.signed_up")], steps=steps, window=window or {})


def found(document) -> list[tuple[str, str]]:
    return [(one.place, one.sentence) for one in problems(document)]


def test_the_window_of_a_step_or_of_the_whole_in_the_quiet_hours_is_marked_where_it_stands():
    site(quiet_from="21:00", quiet_to="08:00")
    assert found(mails(None, NIGHT)) == [("steps[mail1].config", IN_VAIN)]
    assert found(mails(None, None, window=NIGHT)) == [("window", IN_VAIN)]
    assert found(mails({"from": "09:00", "to": "10:00"}, window=NIGHT)) == [], "nobody heeds the general one"


def test_transactional_mail_heeds_no_quiet_hours_and_a_site_without_them_has_no_such_fault():
    site(quiet_from="21:00", quiet_to="08:00")
    assert found(mails(NIGHT, transactional=True)) == []
    site(quiet_from=None, quiet_to=None)
    assert found(mails(NIGHT)) == []


def test_it_keeps_one_from_publishing_and_is_drawn_on_the_canvas():
    campaign = CampaignFactory()
    site(quiet_from="21:00", quiet_to="08:00")
    campaign.draft = to_json(mails(NIGHT))
    campaign.save()
    with pytest.raises(publishing.Refused) as refused:
        publishing.publish(campaign, None, NOW)
    assert IN_VAIN in refused.value.sentences[0]
    drawn = ask(browser("Marketer"), url("_draw"), {"document": campaign.draft})
    assert IN_VAIN in json.dumps(drawn["drawing"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        (Window(start="09:00", end="18:00"), Window(start="08:00", end="21:00"), True),
        (Window(start="18:00", end="21:00"), Window(start="21:00", end="08:00"), False),
        (Window(start="20:59", end="22:00"), Window(start="08:00", end="21:00"), True),
        (Window(start="22:00", end="08:01"), Window(start="08:00", end="21:00"), True),
        (Window(days=["sun"], start="23:00", end="09:00"), Window(days=["mon"], start="08:00", end="10:00"), True),
        (Window(days=["sun"], start="23:00", end="08:00"), Window(days=["mon"], start="08:00", end="10:00"), False),
        (Window(days=["sat"]), Window(days=["sun"], start="10:00", end="09:00"), False),
        (Window(days=["mon"]), Window(days=["sun"], start="10:00", end="09:00"), True),
        (Window(days=["tue"], start="09:00", end="10:00"), Window(days=["wed"], start="09:00", end="10:00"), False),
    ],
)
def test_two_windows_meet_exactly_where_somebody_would_be_mailed(one, other, meets):
    assert windows.meet(one, other) is windows.meet(other, one) is meets
    assert (opening([one, other], NOW, NOW.tzinfo) is not None) is meets
