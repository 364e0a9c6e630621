"""Who reaches which page: every list, page and form of audience, insights and settings, by role."""

import pytest
from django.contrib import admin
from django.urls import reverse

from contacts.models import Company, Tag
from events.models import EventTypeRow, RejectedEvent
from lib import clock
from ops.models import ApiKey, Heartbeat, Job, SiteSettings

ROLES = ["", "Marketer", "Publisher", "Analyst", "Engineer"]
NOBODY: set[str] = set()
READERS = {"Marketer", "Publisher", "Analyst"}

# Who may look. Superusers may look at everything; that is a test of its own.
MAY_VIEW = {
    "contacts_contact": READERS,
    "contacts_company": READERS,
    "contacts_tag": READERS,
    "contacts_address": READERS,
    "contacts_topic": READERS,
    "contacts_import": {"Marketer", "Publisher"},
    "events_event": READERS | {"Engineer"},
    "events_eventtyperow": READERS | {"Engineer"},
    "events_rejectedevent": {"Analyst", "Engineer"},
    "ops_sitesettings": {"Engineer"},
    "ops_source": {"Engineer"},
    "ops_apikey": {"Engineer"},
    "ops_user": NOBODY,
    "auth_group": NOBODY,
    "ops_job": {"Marketer", "Publisher", "Engineer"},
    "ops_heartbeat": {"Engineer"},
    "admin_logentry": {"Engineer"},
    "django_q_schedule": {"Engineer"},
    "django_q_success": NOBODY,
    "django_q_failure": {"Engineer"},
    "django_q_ormq": {"Engineer"},
    "axes_accessattempt": NOBODY,
    "axes_accesslog": NOBODY,
    "axes_accessfailurelog": NOBODY,
}
MAY_ADD = {
    "contacts_contact": {"Marketer", "Publisher"},
    "contacts_topic": {"Publisher"},
    "contacts_import": {"Marketer", "Publisher"},
    "ops_source": {"Engineer"},
    "ops_apikey": {"Engineer"},
}


@pytest.fixture
def rows(ada, shop, happen):
    """A row of everything that has a page."""
    return {
        "contacts_contact": ada,
        "contacts_address": ada.address,
        "contacts_company": Company.objects.create(key="acme"),
        "contacts_tag": Tag.objects.first(),
        "events_event": happen(ada, "order.completed"),
        "events_eventtyperow": EventTypeRow.objects.first(),
        "events_rejectedevent": RejectedEvent.objects.create(source=shop, reason="No name.", payload="{}"),
        "ops_sitesettings": SiteSettings.get(),
        "ops_source": shop,
        "ops_apikey": ApiKey.objects.create_key("server", shop)[0],
        "ops_job": Job.objects.create(kind="x", title="Import"),
        "ops_heartbeat": Heartbeat.objects.create(worker="w", role="mail", beat_at=clock.now()),
    }


def status(client, name, *args):
    response = client.get(reverse(f"admin:{name}", args=args))
    if response.status_code == 302:
        assert "/login/" not in response.url
        return 200
    return response.status_code


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_its_pages_and_no_others(log_in, rows, role):
    client = log_in(role)
    seen = {page for page in MAY_VIEW if status(client, f"{page}_changelist") == 200}
    assert seen == {page for page, roles in MAY_VIEW.items() if role in roles}
    opened = {page for page, row in rows.items() if status(client, f"{page}_change", row.pk) == 200}
    assert opened == seen & set(rows)
    added = {page for page in MAY_VIEW if status(client, f"{page}_add") == 200}
    assert added == {page for page, roles in MAY_ADD.items() if role in roles}


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_leads_only_where_a_role_may_go(log_in, role):
    client = log_in(role)
    context = client.get(reverse("admin:index")).context
    links = [
        str(item["link"])
        for group in context["sidebar_navigation"]
        for item in group["items"]
        if item["has_permission"]
    ]
    assert reverse("admin:index") in links
    assert all(client.get(link).status_code in (200, 302) for link in links)


def test_a_superuser_reaches_everything(boss, rows):
    assert {page for page in MAY_VIEW if status(boss, f"{page}_changelist") == 200} == set(MAY_VIEW)
    assert {page for page, row in rows.items() if status(boss, f"{page}_change", row.pk) == 200} == set(rows)


def test_a_stranger_reaches_nothing_but_the_log_in(client, rows):
    for page in MAY_VIEW:
        response = client.get(reverse(f"admin:{page}_changelist"))
        assert response.status_code == 302 and "/login/" in response.url


def test_the_table_knows_every_page_of_these_apps():
    apps = {"contacts", "events", "ops", "auth", "admin", "django_q", "axes"}
    registered = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model in admin.site._registry if model._meta.app_label in apps
    }  # fmt: skip
    assert registered == set(MAY_VIEW)
