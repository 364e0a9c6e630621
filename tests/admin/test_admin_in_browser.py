"""The admin in a real Chromium: no page breaks its content security policy or its scripts."""

import os

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from contacts import writing
from contacts.models import Change, Contact
from lib import clock
from ops.models import ApiKey, Source, User
from tests.browsers import CHROMIUM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not CHROMIUM, reason="There is no Chromium here; install the package “chromium” to run this test."
    ),
]
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop of its own in this thread


@pytest.fixture
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, live_server):
    """A superuser's page that has just logged in through the form; `page.faults` collects what the console says."""
    User.objects.create_superuser("boss", password="a-long-secret-9")
    page = browser.new_page()
    page.faults = []
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.on("pageerror", lambda fault: page.faults.append(str(fault)))
    page.goto(live_server.url + reverse("admin:login"))
    page.fill("#id_username", "boss")
    page.fill("#id_password", "a-long-secret-9")
    page.click("button[type=submit]")
    page.wait_for_url(live_server.url + reverse("admin:index"))
    return page


@pytest.fixture
def ada(page):
    pk, _ = writing.contact_for_user("ada-1", clock.now())
    writing.upsert(pk, writing.Upsert(attributes={"name": "Ada"}, email="ada@example.com"), clock.now())
    return Contact.objects.get(pk=pk)


def test_no_page_breaks_its_policy(page, live_server, ada):
    key, _ = ApiKey.objects.create_key("server", Source.objects.create(name="Web shop"))
    role = Group.objects.get_or_create(name="Marketer")[0]
    paths = [
        reverse("admin:index"), reverse("admin:contacts_contact_changelist"), reverse("admin:contacts_contact_add"),
        reverse("admin:contacts_contact_change", args=[ada.pk]), reverse("admin:contacts_contact_edit", args=[ada.pk]),
        reverse("admin:contacts_address_change", args=[ada.address_id]), reverse("admin:events_event_changelist"),
        reverse("admin:events_eventtyperow_changelist"), reverse("admin:ops_sitesettings_changelist"),
        reverse("admin:ops_apikey_change", args=[key.pk]), reverse("admin:ops_user_add"),
        reverse("admin:auth_group_change", args=[role.pk]), reverse("admin:django_q_schedule_changelist"),
        reverse("admin:operations"),
    ]  # fmt: skip
    for path in paths:
        page.faults.clear()
        response = page.goto(live_server.url + path)
        assert response.status == 200 and page.faults == [], f"{path}: {page.faults}"
        assert "unsafe-eval" in response.headers["content-security-policy"]
        assert (
            "unsafe-inline" not in response.headers["content-security-policy"].partition("script-src")[2].split(";")[0]
        )


def test_the_operations_page_renews_itself(page, live_server, ada):
    page.goto(live_server.url + reverse("admin:operations"))
    page.locator("text=Nothing is parked").wait_for()
    change = Change.objects.create(contact=ada, kind="tags", due_at=None, parked_because="ValueError: no plan")
    page.locator("text=ValueError: no plan").wait_for()  # nobody loaded the page again
    page.click("text=Discard >> nth=1")
    page.click("button:has-text('Discard')")
    page.locator("text=1 parked change discarded.").wait_for()
    page.locator("text=Nothing is parked").wait_for()
    assert not Change.objects.filter(pk=change.pk).exists() and page.faults == []


def test_a_key_is_made_and_somebody_unsubscribed(page, live_server, ada):
    Source.objects.create(name="Web shop")
    page.click("text=Add an API key")
    scopes = page.locator("text=What it may do")
    scopes.wait_for(state="hidden")
    page.check("input[value=server]")
    scopes.wait_for(state="visible")
    assert page.locator("input[name=scopes]:checked").count() == len(ApiKey.Scope)
    page.check("input[value=write]")
    page.click(".select2-selection")
    page.click(".select2-results__option:has-text('Web shop')")
    page.click("button[name=_save]")
    assert ApiKey.objects.with_text(page.inner_text("#key").strip()).kind == "write"

    page.goto(live_server.url + reverse("admin:contacts_contact_changelist"))
    page.fill("#searchbar", "ada@")
    page.press("#searchbar", "Enter")
    page.click("#result_list a:has-text('Ada')")
    page.click("text=Unsubscribe")
    page.locator("text=will get no marketing mail any more").wait_for()
    page.click("button:has-text('Unsubscribe')")
    page.locator("text=ada@example.com is unsubscribed from marketing mail.").wait_for()
    ada.address.refresh_from_db()
    assert ada.address.unsubscribed_at and page.faults == []
