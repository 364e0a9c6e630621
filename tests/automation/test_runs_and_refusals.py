"""What a test run may not do: mail whoever has refused mail, and act outside for who may not publish."""

import pytest

from automation import running
from automation.models import Call, TestRun
from automation.running import Choices
from campaigns import lifecycle
from campaigns.models import EmailTemplate, Message
from contacts import consent
from contacts.models import Topic
from tests import engine
from tests.automation.flows import flow, mail, step
from tests.automation.test_run_pages import begins, drafted, marketer, text  # noqa: F401
from tests.automation.test_running import somebody, subjects
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db


def runs(campaign, person, now=NOW):
    run = running.start(campaign, [person], UserFactory(), now, Choices())
    engine.run(now)
    return run


def test_a_test_contact_needs_to_have_agreed_to_nothing(inbox):
    Topic.objects.create(key="news", name="News", basis=Topic.Basis.DOUBLE_OPT_IN)
    me = somebody()
    run = runs(drafted(mail("hello"), topic="news"), me)
    assert subjects(inbox) == ["[Test] hello"]
    assert run.remarks[str(me.pk)]["mail"].startswith("In real life they would get no marketing mail: ")


@pytest.mark.parametrize("transactional", [False, True])
def test_who_unsubscribed_gets_no_test_mail_either_whatever_the_draft_calls_it(inbox, transactional):
    """Anybody can be made a test contact, and a draft that nobody published calls its mails what it likes."""
    she = somebody("customer@example.com")
    consent.unsubscribe(she.address_id, now=NOW, source="the link")
    campaign = drafted(mail("hello"))
    EmailTemplate.objects.update(transactional=transactional)
    run = runs(campaign, she)
    message = Message.objects.get()
    assert (subjects(inbox), message.outcome) == ([], "unsubscribed")
    assert message.reason.endswith("What an address has refused holds for test runs, too.")
    assert run.remarks[str(she.pk)]["mail"].startswith("They get no mail of this run: The address unsubscribed")


@pytest.mark.parametrize("reason", ["bounce", "complaint", "blocklist"])
def test_a_suppressed_address_gets_no_test_mail(inbox, reason):
    me = somebody()
    consent.suppress(reason=reason, address_id=me.address_id, now=NOW)
    runs(drafted(mail("hello")), me)
    message = Message.objects.get()
    assert (subjects(inbox), message.outcome) == ([], "suppressed")
    assert message.reason.endswith("What an address has refused holds for test runs, too.")


def calling(shop):
    return step("call", "webhook", {"url": f"{shop.url}/call", "method": "POST", "body": "{}"}, "hello")


def test_who_may_not_publish_does_not_reach_outside_by_the_test_of_a_draft(marketer, shop):  # noqa: F811
    campaign, me = drafted(calling(shop), mail("hello")), somebody()
    assert 'name="outside"' not in text(marketer.get(begins(campaign)))
    marketer.post(begins(campaign), {"people": me.pk, "speed": "1440", "outside": "on"})
    assert not TestRun.objects.get().outside
    with pytest.raises(running.Refused, match="only who may publish"):
        running.start(campaign, [me], marketer.user, NOW, Choices(outside=True))
    with pytest.raises(running.Refused, match="only who may publish"):
        running.start(campaign, [me], marketer.user, NOW, Choices(outside=True, of_draft=False))
    engine.run(NOW)
    assert not Call.objects.exists()
    marketer.force_login(UserFactory())
    assert 'name="outside"' in text(marketer.get(begins(campaign)))


def test_what_is_live_may_reach_outside_and_its_draft_may_not(marketer, shop, inbox):  # noqa: F811
    campaign, me = flow(calling(shop), mail("hello")), somebody()
    document = lifecycle.parse(campaign.draft)
    document.objective = "Another"
    lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)
    page = text(marketer.get(begins(campaign)))
    assert 'name="outside"' in page and "Only for what is live" in page
    chosen = {"people": me.pk, "speed": "1440", "outside": "on"}
    refused = text(marketer.post(begins(campaign), {**chosen, "version": "draft"}))
    assert "only who may publish" in refused and not TestRun.objects.exists()
    marketer.post(begins(campaign), {**chosen, "version": "live"})
    assert TestRun.objects.get().outside
