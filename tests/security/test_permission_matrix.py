"""Every address of the admin × every role × looking and doing. An address that the table does not know fails it."""

import pytest
from django.db import transaction

from tests.security.addresses import STANDARD, address, names

pytestmark = pytest.mark.django_db

ROLES = ["nobody", "Analyst", "Marketer", "Publisher", "Engineer"]
NONE: set[str] = set()
EVERYONE = set(ROLES)
WRITERS = {"Marketer", "Publisher"}
READERS = WRITERS | {"Analyst"}
PUBLISHER, ENGINEER = {"Publisher"}, {"Engineer"}

# Who may look at a model's pages, add a row, change one, delete one.
PAGES = {
    "contacts_contact": (READERS, WRITERS, READERS, NONE),  # its page shows itself again, whatever is posted to it
    "contacts_company": (READERS, NONE, NONE, NONE),
    "contacts_tag": (READERS, NONE, NONE, NONE),
    "contacts_address": (READERS, NONE, NONE, NONE),
    "contacts_topic": (READERS, PUBLISHER, PUBLISHER, NONE),
    "contacts_import": (WRITERS, WRITERS, WRITERS, NONE),
    "segments_segment": (READERS, WRITERS, READERS, WRITERS),  # its page only shows
    "segments_computedattribute": (READERS, WRITERS, WRITERS, WRITERS),
    "scoring_scoremodel": (READERS, WRITERS, READERS, PUBLISHER),  # its page only shows
    "events_event": (READERS | ENGINEER, NONE, NONE, NONE),
    "events_eventtyperow": (READERS | ENGINEER, NONE, ENGINEER, NONE),
    "events_rejectedevent": ({"Analyst", "Engineer"}, NONE, NONE, NONE),
    "campaigns_campaign": (READERS, WRITERS, WRITERS, NONE),
    "campaigns_emailtemplate": (READERS, WRITERS, WRITERS, WRITERS),
    "campaigns_frequencycap": (READERS, PUBLISHER, PUBLISHER, PUBLISHER),
    "campaigns_message": (READERS, NONE, READERS, NONE),  # as that of contacts, and the next two
    "campaigns_caughtmail": (READERS, NONE, READERS, NONE),
    "automation_enrollment": (READERS, NONE, READERS, NONE),
    "automation_visit": (READERS, NONE, READERS, NONE),
    "automation_testrun": (READERS, NONE, READERS, NONE),
    "automation_call": (READERS | ENGINEER, NONE, READERS | ENGINEER, NONE),
    "automation_receiver": (READERS | ENGINEER, NONE, READERS | ENGINEER, NONE),
    "integrations_connection": (READERS | ENGINEER, ENGINEER, READERS | ENGINEER, NONE),  # its page only shows
    "integrations_push": (READERS | ENGINEER, NONE, READERS | ENGINEER, NONE),
    "ops_sitesettings": (ENGINEER, NONE, NONE, NONE),
    "ops_source": (ENGINEER, ENGINEER, ENGINEER, NONE),
    "ops_apikey": (ENGINEER, ENGINEER, ENGINEER, NONE),
    "ops_user": (NONE, NONE, NONE, NONE),
    "ops_job": (WRITERS | ENGINEER, NONE, NONE, NONE),
    "ops_heartbeat": (ENGINEER, NONE, NONE, NONE),
    "auth_group": (NONE, NONE, NONE, NONE),
    "admin_logentry": (ENGINEER, NONE, NONE, NONE),
    "django_q_schedule": (ENGINEER, NONE, NONE, NONE),
    "django_q_ormq": (ENGINEER, NONE, NONE, NONE),
    "django_q_success": (NONE, NONE, NONE, NONE),
    "django_q_failure": (ENGINEER, NONE, NONE, NONE),
    "axes_accessattempt": (NONE, NONE, NONE, NONE),
    "axes_accesslog": (NONE, NONE, NONE, NONE),
    "axes_accessfailurelog": (NONE, NONE, NONE, NONE),
}
# Who may look, and who may do.
OTHERS = {
    **dict.fromkeys(["contacts_contact_edit", "contacts_contact_attribute"], (WRITERS, WRITERS)),
    **dict.fromkeys(["contacts_contact_tags", "contacts_contact_test"], (WRITERS, WRITERS)),
    **dict.fromkeys(["contacts_address_unsubscribe", "contacts_address_resubscribe"], (WRITERS, WRITERS)),
    **dict.fromkeys(["contacts_address_block", "contacts_address_unblock"], (WRITERS, WRITERS)),
    **dict.fromkeys(["segments_segment_edit", "segments_segment_put", "segments_segment_take"], (WRITERS, WRITERS)),
    **dict.fromkeys(["segments_segment_move", "segments_segment_undo"], (WRITERS, WRITERS)),
    **dict.fromkeys(["segments_segment_now", "segments_segment_members"], (READERS, NONE)),
    **dict.fromkeys(["segments_segment_overlap", "segments_segment_why"], (READERS, NONE)),
    "segments_segment_count": (NONE, NONE),  # asks which ready-made segment is meant
    "segments_segment_rfm": (WRITERS, WRITERS),
    "segments_segment_export": (PUBLISHER, PUBLISHER),
    **dict.fromkeys(["segments_segment_refresh", "segments_segment_stop"], (NONE, WRITERS)),
    **dict.fromkeys(["scoring_scoremodel_now", "scoring_scoremodel_ledger"], (READERS, NONE)),
    **{f"scoring_scoremodel_{page}": (WRITERS, WRITERS) for page in ("adjust", "stage_back", "take_back")},
    "scoring_scoremodel_edit": (WRITERS, NONE),
    **{f"scoring_scoremodel_edit_{part}": (WRITERS, WRITERS) for part in ("settings", "bands", "stages", "groups")},
    **{f"scoring_scoremodel_edit_{part}": (WRITERS, WRITERS) for part in ("grid", "rule", "rule_of")},
    **dict.fromkeys(["scoring_scoremodel_edit_rules", "scoring_scoremodel_preview_cancel"], (NONE, WRITERS)),
    **dict.fromkeys(["scoring_scoremodel_preview", "scoring_scoremodel_discard"], (WRITERS, WRITERS)),
    "scoring_scoremodel_preview_now": (WRITERS, NONE),
    "scoring_scoremodel_editions": (READERS, NONE),
    **{f"scoring_scoremodel_{deed}": (PUBLISHER, PUBLISHER) for deed in ("force", "undo", "switch")},
    **dict.fromkeys(["scoring_scoremodel_recompute", "scoring_scoremodel_stop"], (NONE, PUBLISHER)),
    **{f"contacts_import_{page}": (WRITERS, WRITERS) for page in ("columns", "now", "start", "cancel")},
    **{f"contacts_import_{page}": (WRITERS, WRITERS) for page in ("forget", "result")},
    "events_eventtyperow_adopt": (ENGINEER, ENGINEER),
    **dict.fromkeys(["campaigns_campaign_activate", "campaigns_campaign_publish"], (PUBLISHER, PUBLISHER)),
    **dict.fromkeys(["campaigns_campaign_pause", "campaigns_campaign_resume"], (PUBLISHER, PUBLISHER)),
    **{f"campaigns_campaign_{verb}": (PUBLISHER, PUBLISHER) for verb in ("archive", "drain", "reopen", "decline")},
    "campaigns_campaign_versions": (READERS, NONE),
    "campaigns_campaign_restore": (WRITERS, WRITERS),
    **dict.fromkeys(["campaigns_campaign_ask", "campaigns_campaign_withdraw"], (WRITERS, WRITERS)),
    **{f"campaigns_campaign_ready{page}": (WRITERS, WRITERS) for page in ("", "_one", "_mail")},
    **dict.fromkeys(["campaigns_campaign_canvas", "campaigns_campaign_canvas_numbers"], (READERS, NONE)),
    **dict.fromkeys(["campaigns_campaign_canvas_draw", "campaigns_campaign_canvas_panel"], (NONE, WRITERS)),
    "campaigns_campaign_new": (WRITERS, WRITERS),  # only shows
    "campaigns_campaign_canvas_add": (WRITERS, NONE),  # what is posted must be a definition, here and below
    "campaigns_campaign_canvas_save": (NONE, NONE),
    "campaigns_campaign_discard": (WRITERS, WRITERS),
    **dict.fromkeys(["campaigns_campaign_preview", "campaigns_campaign_said"], (READERS, READERS)),
    "campaigns_campaign_download": (READERS, NONE),
    "campaigns_campaign_upload": (WRITERS, NONE),  # posted to without a file it says so
    **dict.fromkeys(["campaigns_campaign_test", "campaigns_emailtemplate_test"], (WRITERS, WRITERS)),
    **dict.fromkeys(["campaigns_emailtemplate_check", "campaigns_emailtemplate_said"], (NONE, READERS)),
    "campaigns_message_said": (READERS, READERS),
    **dict.fromkeys(["campaigns_caughtmail_said", "campaigns_caughtmail_raw"], (READERS, READERS)),
    "campaigns_caughtmail_delete_all": (WRITERS, WRITERS),
    "automation_call_again": (PUBLISHER, PUBLISHER),
    **{f"integrations_connection_{page}": (ENGINEER, ENGINEER) for page in ("edit", "pause", "retry")},
    # What needs an answer of the CRM, or a paused connection, says so and leads back.
    **dict.fromkeys(["integrations_connection_test", "integrations_connection_resume"], (ENGINEER, ENGINEER)),
    "integrations_push_again": (PUBLISHER | ENGINEER, PUBLISHER | ENGINEER),
    "automation_receiver_renew": (PUBLISHER | ENGINEER, PUBLISHER | ENGINEER),
    **{f"automation_enrollment_{deed}": (PUBLISHER, PUBLISHER) for deed in ("release", "wake", "let_out")},
    **dict.fromkeys(["automation_fuse_release", "automation_fuse_take_out"], (PUBLISHER, PUBLISHER)),
    **dict.fromkeys(["automation_enrollment_move", "automation_enrollment_many"], (PUBLISHER, PUBLISHER)),
    "automation_testrun_start": (NONE, NONE),  # asks which campaign is meant
    "automation_testrun_stop": (WRITERS, WRITERS),
    "automation_testrun_now": (READERS, NONE),
    "automation_enrollment_why": (READERS, READERS),  # only shows
    "ops_apikey_revoke": (ENGINEER, ENGINEER),
    "ops_job_cancel": (ENGINEER, ENGINEER),
    "ops_sitesettings_go_on": (NONE, NONE),
    "auth_user_password_change": (NONE, NONE),
    "time_travel": (NONE, NONE),
    **dict.fromkeys(["operations", "operations_now"], (ENGINEER, NONE)),
    **dict.fromkeys(["operations_all", "operations_one"], (ENGINEER, ENGINEER)),
    "conditions_offers": (READERS, NONE),
    "conditions_live": (NONE, READERS),
    "autocomplete": (NONE, NONE),  # asks for the right to see what is looked for; nothing is, here
    "view_on_site": (NONE, NONE),
    "app_list": (READERS, READERS),
}
OWN = {"index", "login", "logout", "password_change", "password_change_done", "jsi18n", "search"}


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Name → who may look, who may do."""
    found = dict(OTHERS)
    for model, (view, add, change, delete) in PAGES.items():
        rights = {
            "changelist": (view, view),
            "history": (view, view),
            "add": (add, add),
            "change": (view, change),
            "delete": (delete, delete),
        }
        found |= {f"{model}_{page}": rights[page] for page in STANDARD}
    return found


def reached(client, method: str, url: str) -> bool:
    """Whether the answer is the page or the deed; what was done is undone."""
    with transaction.atomic():
        response = client.generic(method, url)
        transaction.set_rollback(True)
    assert response.status_code in (200, 302, 400, 403, 404, 405), (method, url, response.status_code)
    if response.status_code == 302:
        return "/login/" not in response.url
    return response.status_code == 200


def test_the_table_knows_every_address_and_no_other():
    assert names() == set(table()) | OWN


@pytest.mark.parametrize("role", ROLES)
def test_a_role_looks_and_does_what_it_may_and_nothing_else(role, log_in, rows):
    client, wrong = log_in(role), []
    for name, (may_look, may_do) in table().items():
        url = address(name, rows)
        for method, may in (("GET", may_look), ("POST", may_do)):
            if method == "POST" and name.endswith(("_changelist", "_history")):
                continue
            if reached(client, method, url) != (role in may):
                wrong.append(f"{method} {url}")
    assert not wrong, f"{role} is let in, or kept out, by mistake"


def test_a_stranger_reaches_nothing(client, rows):
    for name in table():
        assert not reached(client, "GET", address(name, rows)), name
        assert not reached(client, "POST", address(name, rows)), name
