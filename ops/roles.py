"""Roles: groups with fixed permissions. Only superusers change people and groups."""

from django.contrib.auth.models import Group, Permission

VIEW, WORK = ("view",), ("view", "add", "change")

_audience = [
    *(f"contacts.{model}" for model in ("contact", "identity", "address", "company", "tag", "contacttag")),
    *(f"contacts.{model}" for model in ("companymember", "topic", "subscription", "consentrecord")),
    "contacts.suppression",
]
_history = ["campaigns.message", "campaigns.messagebody", "automation.enrollment", "automation.visit"]
_history += ["automation.call", "automation.attempt", "automation.receiver", "automation.testrun"]
_history += ["integrations.connection", "integrations.push", "integrations.record"]
_events = ["events.event", "events.eventtyperow"]
_drafts = ["campaigns.campaign", "campaigns.emailtemplate"]
_segments = ["segments.segment", "segments.computedattribute"]
_scores = ["scoring.scorerule", "scoring.scorechange", "scoring.score", "scoring.scoreedition"]


def _allow(actions, models) -> set[str]:
    named = [name.split(".") for name in models]
    return {f"{app}.{action}_{model}" for app, model in named for action in actions}


_marketer = (
    _allow((*WORK, "delete"), _segments)
    | _allow(WORK, [*_drafts, "scoring.scoremodel"])
    | _allow(VIEW, _scores)
    | _allow(VIEW, [*_audience, *_history, *_events, "campaigns.version", "campaigns.step", "campaigns.edge"])
    | _allow(
        VIEW,
        ["campaigns.frequencycap", "campaigns.caughtmail", "automation.assignment", "automation.refusal", "ops.job"],
    )
    | {"campaigns.delete_emailtemplate", "campaigns.send_test", "contacts.add_contact", "contacts.change_contact"}
    | {"contacts.import_contact"}
    | {"campaigns.delete_caughtmail"}
)
_engineer = (
    _allow(WORK, ["ops.source", "ops.apikey", "events.eventtyperow", "ops.job"])
    | _allow(VIEW, ["events.event", "events.rejectedevent", "ops.sitesettings", "ops.heartbeat"])
    | _allow(VIEW, ["django_q.schedule", "django_q.ormq", "django_q.failure", "admin.logentry"])
    | {"events.delete_rejectedevent"}
    | _allow(("view", "change"), ["automation.receiver"])
    | _allow(VIEW, ["automation.call", "automation.attempt", "integrations.push"])
    | _allow(WORK, ["integrations.connection"])
)

# A role's permissions by name; "view_*" means view everything of our own apps but the keys to the house.
ROLES: dict[str, set[str]] = {
    "Marketer": _marketer,
    # A topic says to whom may be written at all, so it is the publisher's; so are files of personal data.
    "Publisher": _marketer
    | {"campaigns.publish_campaign", "contacts.add_topic", "contacts.change_topic", "segments.export_segment"}
    | {"scoring.publish_scoremodel", "scoring.delete_scoremodel", "automation.change_receiver"}
    | _allow((*WORK, "delete"), ["campaigns.frequencycap"]),
    "Analyst": {"view_*"},
    "Engineer": _engineer,
}
OWN_APPS = {"contacts", "events", "segments", "scoring", "campaigns", "automation", "integrations", "reports"}


def ensure(sender, using: str, **_) -> None:
    """After an app was migrated: give the roles what they may do there.

    Called once per app, right after Django has made that app's permissions, so it works on an empty
    database. It only adds: what a superuser gave a role besides stays.
    """
    app = sender.label
    if not any(_concerns(app, names) for names in ROLES.values()):
        return
    permissions = Permission.objects.using(using).filter(content_type__app_label=app)
    by_name = {f"{app}.{codename}": pk for pk, codename in permissions.values_list("pk", "codename")}
    for role, names in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=role)
        group.permissions.add(*(pk for name, pk in by_name.items() if _holds(names, name)))


def _concerns(app: str, names: set[str]) -> bool:
    return (app in OWN_APPS and "view_*" in names) or any(name.startswith(f"{app}.") for name in names)


def _holds(names: set[str], permission: str) -> bool:
    app, _, codename = permission.partition(".")
    return permission in names or ("view_*" in names and app in OWN_APPS and codename.startswith("view_"))
