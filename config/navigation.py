"""How the admin looks and how one finds one's way: by task, not by app."""

from functools import partial
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import SimpleLazyObject


def _address(name: str) -> Any:
    """Worked out once: a page of the admin compares each with all the others."""
    return SimpleLazyObject(partial(reverse, name))


def page(title: str, icon: str, name: str, permission: str | None = None) -> dict:
    entry: dict[str, Any] = {"title": title, "icon": icon, "link": _address(f"admin:{name}")}
    if permission:
        entry["permission"] = lambda request: request.user.has_perm(permission)
    return entry


TEAL = {
    "50": "oklch(98.4% .014 190)",
    "100": "oklch(95.3% .04 190)",
    "200": "oklch(91% .075 190)",
    "300": "oklch(85.5% .11 190)",
    "400": "oklch(75% .12 192)",
    "500": "oklch(64% .112 195)",
    "600": "oklch(52% .095 200)",
    "700": "oklch(45% .082 203)",
    "800": "oklch(39% .068 206)",
    "900": "oklch(34% .055 208)",
    "950": "oklch(25% .045 210)",
}

UNFOLD = {
    "SITE_TITLE": "Dripline",
    "SITE_HEADER": "Dripline",
    "SITE_SUBHEADER": "Mail that people welcome",
    "SITE_URL": None,
    "SITE_SYMBOL": "water_drop",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("admin_dripline/drop.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "config.navigation.environment",
    "DASHBOARD_CALLBACK": "reports.start.fill",
    "STYLES": [lambda request: static("admin_dripline/dripline.css")],
    "SCRIPTS": [],
    "COLORS": {"primary": TEAL},
    "COMMAND": {"search_models": False, "show_history": False},
    "TABS": [
        {
            "models": ["django_q.schedule", "django_q.ormq", "django_q.failure"],
            "items": [
                page("Schedules", "schedule", "django_q_schedule_changelist", "django_q.view_schedule"),
                page("Queue", "list", "django_q_ormq_changelist", "django_q.view_ormq"),
                page("Failed tasks", "error", "django_q_failure_changelist", "django_q.view_failure"),
            ],
        },
        {
            "models": ["axes.accessattempt", "axes.accesslog", "axes.accessfailurelog"],
            "items": [
                page("Failed lately", "lock", "axes_accessattempt_changelist", "axes.view_accessattempt"),
                page("Log-ins", "login", "axes_accesslog_changelist", "axes.view_accesslog"),
                page("All failures", "report", "axes_accessfailurelog_changelist", "axes.view_accessfailurelog"),
            ],
        },
    ],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [page("Start", "home", "index")]},
            {
                "title": "Audience",
                "separator": True,
                "items": [
                    page("Contacts", "group", "contacts_contact_changelist", "contacts.view_contact"),
                    page("Segments", "groups", "segments_segment_changelist", "segments.view_segment"),
                    page("Scores", "leaderboard", "scoring_scoremodel_changelist", "scoring.view_scoremodel"),
                    page(
                        "Computed attributes",
                        "functions",
                        "segments_computedattribute_changelist",
                        "segments.view_computedattribute",
                    ),
                    page("Companies", "domain", "contacts_company_changelist", "contacts.view_company"),
                    page("Tags", "sell", "contacts_tag_changelist", "contacts.view_tag"),
                    page("Addresses", "alternate_email", "contacts_address_changelist", "contacts.view_address"),
                    page("Import", "upload_file", "contacts_import_changelist", "contacts.import_contact"),
                ],
            },
            {
                "title": "Campaigns",
                "separator": True,
                "items": [
                    page("All campaigns", "account_tree", "campaigns_campaign_changelist", "campaigns.view_campaign"),
                    page(
                        "People inside",
                        "directions_walk",
                        "automation_enrollment_changelist",
                        "automation.view_enrollment",
                    ),
                    page("Steps taken", "footprint", "automation_visit_changelist", "automation.view_visit"),
                    page("Test runs", "science", "automation_testrun_changelist", "automation.view_testrun"),
                    page("Webhook calls", "webhook", "automation_call_changelist", "automation.view_call"),
                    page("Pushes to CRMs", "contact_mail", "integrations_push_changelist", "integrations.view_push"),
                ],
            },
            {
                "title": "Messages",
                "separator": True,
                "items": [
                    page("Templates", "draft", "campaigns_emailtemplate_changelist", "campaigns.view_emailtemplate"),
                    page("Messages", "outgoing_mail", "campaigns_message_changelist", "campaigns.view_message"),
                    page("Topics", "topic", "contacts_topic_changelist", "contacts.view_topic"),
                    page("Limits", "speed", "campaigns_frequencycap_changelist", "campaigns.view_frequencycap"),
                    page(
                        "Caught mail",
                        "mark_email_unread",
                        "campaigns_caughtmail_changelist",
                        "campaigns.view_caughtmail",
                    ),
                ],
            },
            {
                "title": "Insights",
                "separator": True,
                "items": [
                    page("Events", "bolt", "events_event_changelist", "events.view_event"),
                    page("Event types", "category", "events_eventtyperow_changelist", "events.view_eventtyperow"),
                    page("Rejected events", "report", "events_rejectedevent_changelist", "events.view_rejectedevent"),
                ],
            },
            {
                "title": "Settings",
                "separator": True,
                "collapsible": True,
                "items": [
                    page("Site", "settings", "ops_sitesettings_changelist", "ops.view_sitesettings"),
                    page("Sources", "input", "ops_source_changelist", "ops.view_source"),
                    page("API keys", "key", "ops_apikey_changelist", "ops.view_apikey"),
                    page("Webhook receivers", "dns", "automation_receiver_changelist", "automation.view_receiver"),
                    page("Connections", "hub", "integrations_connection_changelist", "integrations.view_connection"),
                    page("Team", "badge", "ops_user_changelist", "ops.view_user"),
                    page("Roles", "shield_person", "auth_group_changelist", "auth.view_group"),
                    page("Operations", "monitoring", "operations", "ops.view_heartbeat"),
                    page("Jobs", "pending_actions", "ops_job_changelist", "ops.view_job"),
                    page("Workers", "monitor_heart", "ops_heartbeat_changelist", "ops.view_heartbeat"),
                    page("Audit log", "history", "admin_logentry_changelist", "admin.view_logentry"),
                    page("Log-ins", "lock", "axes_accessattempt_changelist", "axes.view_accessattempt"),
                    page("Background tasks", "manufacturing", "django_q_schedule_changelist", "django_q.view_schedule"),
                ],
            },
        ],
    },
}


def environment(request) -> list[str] | None:
    """A badge in the corner that says when this is a demo."""
    return ["Demo", "info"] if settings.DEMO else None
