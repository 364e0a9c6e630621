"""Settings in the admin: one site, keys shown once, history that nobody changes."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse
from django_q.models import OrmQ, Schedule

from lib import clock
from ops import audit
from ops.models import ApiKey, Heartbeat, Job, SiteSettings, User
from tests.factories import CampaignFactory

WRITE, SERVER = ApiKey.Kind.WRITE, ApiKey.Kind.SERVER


def page(client, name, *args, **query):
    response = client.get(reverse(f"admin:{name}", args=args), query, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def settings_url():
    return reverse("admin:ops_sitesettings_change", args=[SiteSettings.get().pk])


def test_the_list_of_sites_is_the_one_site(boss):
    response = boss.get(reverse("admin:ops_sitesettings_changelist"))
    assert response.url == settings_url()
    assert boss.get(reverse("admin:ops_sitesettings_add")).status_code == 403


def test_the_site_settings_are_saved(boss):
    data = {
        "name": "Acme",
        "postal_address": "1 Acme Street",
        "timezone": "Europe/Paris",
        "sender_email": "ann@acme.example",
        "holdout": 0,
    }
    boss.post(settings_url(), data)
    site = SiteSettings.get()
    assert (site.name, str(site.zone), site.sender_email) == ("Acme", "Europe/Paris", "ann@acme.example")


def test_times_are_those_of_the_sites_own_zone(boss, ada):
    SiteSettings.objects.update_or_create(id=1, defaults={"timezone": "Pacific/Auckland"})
    ada.created_at = ada.created_at.replace(year=2020, month=6, day=1, hour=23, minute=30)
    ada.save(update_fields=["created_at"])
    assert "Tue 2 Jun 2020, 11:30" in page(boss, "contacts_contact_change", ada.pk)


def test_stopped_sending_says_why_and_a_person_lets_it_go_on(boss):
    SiteSettings.get().stop_sending("The provider refused our password.", clock.now())
    assert "The provider refused our password." in page(boss, "index")
    assert "The provider refused our password." in page(boss, "ops_sitesettings_changelist")
    url = reverse("admin:ops_sitesettings_go_on")
    boss.get(url)
    assert SiteSettings.get().sending_stopped_at
    assert "Sending goes on." in boss.post(url, follow=True).content.decode()
    assert SiteSettings.get().sending_stopped_at is None


def make_key(client, shop, kind, **more):
    return client.post(reverse("admin:ops_apikey_add"), {"kind": kind, "source": shop.pk, **more})


def test_a_key_is_shown_once_and_works(boss, shop):
    response = make_key(boss, shop, WRITE)
    text = re.search(r"dlw_[0-9a-f]{12}_\w+", response.content.decode())[0]
    key = ApiKey.objects.get()
    assert ApiKey.objects.with_text(text) == key and key.created_by.username == "boss"
    assert "no-store" in response["Cache-Control"] and "curl" in response.content.decode()
    assert text not in page(boss, "ops_apikey_changelist") + page(boss, "ops_apikey_change", key.pk)
    assert text not in page(boss, "admin_logentry_changelist") and "no-cache" in response["Cache-Control"]


def test_the_first_key_brings_its_source_along(boss):
    response = boss.post(reverse("admin:ops_apikey_add"), {"kind": WRITE, "new_source": " Web shop "})
    assert "It belongs to “Web shop”" in response.content.decode()
    assert ApiKey.objects.get().source.name == "Web shop"


@pytest.mark.parametrize("both", [True, False])
def test_a_key_has_one_source(boss, shop, both):
    data = {"source": shop.pk, "new_source": "iOS app"} if both else {}
    response = boss.post(reverse("admin:ops_apikey_add"), {"kind": WRITE, **data})
    assert "Choose a source or write the name of a new one" in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_server_key_does_what_its_scopes_say_and_a_write_key_has_none(boss, shop):
    make_key(boss, shop, SERVER, scopes=["contacts:read"])
    make_key(boss, shop, WRITE, scopes=["contacts:write"])
    assert {key.kind: key.scopes for key in ApiKey.objects.all()} == {"server": ["contacts:read"], "write": []}


def test_a_server_key_without_a_scope_is_refused_in_a_sentence(boss, shop):
    assert "Tick at least one thing" in make_key(boss, shop, SERVER).content.decode()
    assert not ApiKey.objects.exists()


def test_the_kind_of_a_key_cannot_be_changed_but_its_scopes_can(boss, shop):
    key, _ = ApiKey.objects.create_key(SERVER, shop)
    url = reverse("admin:ops_apikey_change", args=[key.pk])
    assert boss.post(url, {"kind": WRITE, "scopes": ["events:read"]}).status_code == 302
    key.refresh_from_db()
    assert (key.kind, key.scopes) == (SERVER, ["events:read"])


def test_a_key_is_revoked_after_a_question_and_never_deleted(boss, shop):
    key, text = ApiKey.objects.create_key(WRITE, shop)
    url = reverse("admin:ops_apikey_revoke", args=[key.pk])
    assert "turned away at once" in boss.get(url).content.decode()
    assert ApiKey.objects.with_text(text)
    boss.post(url)
    assert ApiKey.objects.with_text(text) is None
    assert boss.post(reverse("admin:ops_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403
    assert "Revoked" in page(boss, "ops_apikey_changelist")


def test_a_new_colleague_may_log_in_at_once(boss):
    data = {"username": "ann", "usable_password": "true", "password1": "long-enough-9", "password2": "long-enough-9"}
    boss.post(reverse("admin:ops_user_add"), data)
    ann = User.objects.get(username="ann")
    assert ann.is_staff and not ann.is_superuser
    data = {"username": "ann", "groups": [Group.objects.get(name="Marketer").pk], "is_active": "on", "is_staff": "on"}
    boss.post(reverse("admin:ops_user_change", args=[ann.pk]), data)
    assert [group.name for group in ann.groups.all()] == ["Marketer"]


def test_nobody_but_a_superuser_makes_superusers(db, log_in):
    client = log_in("Engineer")
    me = User.objects.get(username="some-engineer")
    permissions = Group.objects.get(name="Engineer").permissions
    permissions.add(
        *permissions.model.objects.filter(codename__in=["view_user", "change_user", "change_group", "add_user"])
    )
    client.post(
        reverse("admin:ops_user_change", args=[me.pk]), {"username": "x", "is_superuser": "on", "is_active": "on"}
    )
    me.refresh_from_db()
    assert not me.is_superuser and me.username == "some-engineer"
    assert client.get(reverse("admin:ops_user_add")).status_code == 403
    assert client.get(reverse("admin:auth_group_add")).status_code == 403


def test_a_job_shows_its_progress_and_is_cancelled_after_a_question(boss, log_in):
    job = Job.objects.create(kind="x", title="Import of leads.csv", done=4200, total=10_000, state="running")
    assert "4,200 of 10,000" in page(boss, "ops_job_change", job.pk)
    url = reverse("admin:ops_job_cancel", args=[job.pk])
    assert log_in("Analyst").post(url).status_code == 403
    assert "stops after the part in hand" in boss.post(url, follow=True).content.decode()
    job.refresh_from_db()
    assert job.cancel_asked
    Job.objects.filter(pk=job.pk).update(state="done", due_at=None)
    assert "had ended already" in boss.post(url, follow=True).content.decode()


def test_a_worker_says_when_it_was_last_alive(boss):
    assert "Without a worker nothing is sent" in page(boss, "ops_heartbeat_changelist")
    Heartbeat.objects.create(worker="host:1", role="mail", beat_at=clock.now())
    assert re.search(r"just now|seconds? ago", page(boss, "ops_heartbeat_changelist"))


READ_ONLY = [
    "django_q.schedule", "django_q.success", "django_q.failure", "django_q.ormq", "axes.accesslog",
    "axes.accessfailurelog", "admin.logentry", "ops.heartbeat", "ops.job", "events.event", "events.rejectedevent",
    "contacts.address", "contacts.company",
]  # fmt: skip


@pytest.mark.parametrize("label", READ_ONLY)
def test_history_is_read_only_for_superusers_too(rf, label):
    request = rf.get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    page = next(page for model, page in admin.site._registry.items() if model._meta.label_lower == label)
    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request) and not page.has_delete_permission(request)
    assert page.get_actions(request) == {}


def test_nobody_puts_a_function_into_a_schedule(boss):
    schedule = Schedule.objects.create(name="sweep", func="ops.tasks.sweep", schedule_type="I", minutes=1)
    url = reverse("admin:django_q_schedule_change", args=[schedule.pk])
    assert boss.post(url, {"name": "x", "func": "os.system", "args": "('id',)"}).status_code == 403
    assert boss.post(reverse("admin:django_q_schedule_add"), {"func": "os.system"}).status_code == 403
    schedule.refresh_from_db()
    assert schedule.func == "ops.tasks.sweep"
    assert OrmQ.objects.count() == 0


def test_deleting_a_failed_attempt_unlocks(boss):
    row = AccessAttempt.objects.create(username="ann", ip_address="10.0.0.1", failures_since_start=9)
    assert "ann" in page(boss, "axes_accessattempt_changelist")
    boss.post(reverse("admin:axes_accessattempt_delete", args=[row.pk]), {"post": "yes"})
    assert not AccessAttempt.objects.exists()


def test_the_audit_log_names_what_was_changed(boss, ada):
    audit.note(User.objects.get(is_superuser=True), ada, "Changed the tags.")
    html = boss.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert f"contact “{ada}”" in html and reverse("admin:contacts_contact_change", args=[ada.pk]) in html


def test_the_history_of_a_row_is_told_newest_first(boss, ada):
    colleague = User.objects.create(username="mara", first_name="Mara")
    audit.note(colleague, ada, "Changed the tags.")
    audit.note(colleague, ada, "Edited the name.")
    html = boss.get(reverse("admin:contacts_contact_history", args=[ada.pk])).content.decode()
    assert 0 < html.index("Edited the name.") < html.index("Changed the tags.") and "Mara" in html
    untouched = CampaignFactory(active=False)
    assert (
        b"Nobody has changed it" in boss.get(reverse("admin:campaigns_campaign_history", args=[untouched.pk])).content
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [("axes_accesslog", "Log-ins"), ("django_q_ormq", "Queue"), ("django_q_schedule", "Background tasks")],
)
def test_a_list_behind_a_tab_says_where_one_is(boss, name, words):
    heading = boss.get(reverse(f"admin:{name}_changelist")).content.decode().partition("<h1")[2].partition("</h1>")[0]
    assert "Settings" in heading and words in heading and "Axes" not in heading


def test_who_guesses_passwords_is_locked_out_in_plain_words(db, client, settings):
    settings.AXES_ENABLED = True
    User.objects.create_user("ann", password="right-one-9", is_staff=True)
    guess = {"username": "ann", "password": "wrong"}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        response = client.post(reverse("admin:login"), guess)
    assert response.status_code == 429 and "Too many attempts" in response.content.decode()
    assert "unsafe-eval" not in response.headers["Content-Security-Policy"]
    right = client.post(reverse("admin:login"), {"username": "ann", "password": "right-one-9"})
    assert right.status_code == 429


def test_a_page_that_is_not_there_or_not_ours_answers_in_plain_words(boss, log_in):
    assert "There is nothing here" in boss.get("/contacts/nothing/").content.decode()
    forbidden = log_in().get(reverse("admin:contacts_contact_changelist"))
    assert forbidden.status_code == 403 and "Your role does not reach here" in forbidden.content.decode()
