import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from ops import roles
from ops.models import User

pytestmark = pytest.mark.django_db

# Who may do what: permission → the roles that have it.
TABLE = {
    "campaigns.change_campaign": {"Marketer", "Publisher"},
    "campaigns.publish_campaign": {"Publisher"},
    "campaigns.send_test": {"Marketer", "Publisher"},
    "campaigns.change_emailtemplate": {"Marketer", "Publisher"},
    "campaigns.view_campaign": {"Marketer", "Publisher", "Analyst"},
    "campaigns.delete_campaign": set(),
    "campaigns.view_message": {"Marketer", "Publisher", "Analyst"},
    "campaigns.change_message": set(),
    "contacts.view_contact": {"Marketer", "Publisher", "Analyst"},
    "contacts.change_contact": {"Marketer", "Publisher"},
    "contacts.delete_contact": set(),
    "contacts.import_contact": {"Marketer", "Publisher"},
    "events.view_event": {"Marketer", "Publisher", "Analyst", "Engineer"},
    "events.change_eventtyperow": {"Engineer"},
    "events.view_rejectedevent": {"Analyst", "Engineer"},
    "automation.view_enrollment": {"Marketer", "Publisher", "Analyst"},
    "scoring.view_scoremodel": {"Marketer", "Publisher", "Analyst"},
    "scoring.change_scoremodel": {"Marketer", "Publisher"},
    "scoring.publish_scoremodel": {"Publisher"},
    "scoring.delete_scoremodel": {"Publisher"},
    "scoring.change_scorechange": set(),
    "ops.add_apikey": {"Engineer"},
    "ops.view_apikey": {"Engineer"},
    "ops.add_source": {"Engineer"},
    "ops.view_sitesettings": {"Engineer"},
    "ops.change_sitesettings": set(),
    "ops.view_job": {"Marketer", "Publisher", "Engineer"},
    "ops.change_user": set(),
    "ops.add_user": set(),
    "auth.change_group": set(),
    "auth.add_group": set(),
    "admin.change_logentry": set(),
    "django_q.change_schedule": set(),
}


@pytest.mark.parametrize("permission", TABLE)
def test_each_role_may_do_what_it_should(permission):
    app, codename = permission.split(".")
    assert Permission.objects.filter(content_type__app_label=app, codename=codename).exists()
    allowed = set()
    for role in roles.ROLES:
        user = User.objects.create_user(role, password=None, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        allowed |= {role} if user.has_perm(permission) else set()
    assert allowed == TABLE[permission]


def test_every_permission_that_a_role_names_exists():
    known = {
        f"{app}.{codename}" for app, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }
    named = set().union(*roles.ROLES.values()) - {"view_*"}
    assert named - known == set()


def test_migrating_again_adds_nothing_and_takes_nothing_away():
    extra = Permission.objects.get(codename="change_contact")
    group = Group.objects.get(name="Analyst")
    group.permissions.add(extra)
    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    call_command("migrate", verbosity=0)
    assert {group.name: set(group.permissions.all()) for group in Group.objects.all()} == before


def test_roles_that_were_lost_come_back():
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)
    assert Group.objects.get(name="Publisher").permissions.filter(codename="publish_campaign").exists()
