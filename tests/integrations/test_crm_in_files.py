"""The step in files: the connection goes by its name, and a run in a test calls nobody."""

import re
from pathlib import Path

import pytest

from campaigns import files, lifecycle
from integrations.models import Connection
from tests.factories import NOW
from tests.integrations.building import connection, pushing

pytest_plugins = ["automation.testing"]
pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs" / "connecting-a-crm.md"
SHOWN: dict = {}
exec(re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1], SHOWN)  # our own page


def text():
    """The file of a campaign that pushes to a connection that is not there any more."""
    campaign = pushing(connection("HubSpot of sales"), {"last_plan": "{{ event.plan | default: 'none' }}"}, mails=False)
    lifecycle.archive(campaign, None, NOW)
    written = files.export(campaign).text
    Connection.objects.update(name="Another")
    return written


def test_a_file_names_the_connection_and_another_site_finds_its_own():
    written = text()
    assert "connection: HubSpot of sales" in written
    with pytest.raises(files.NotReadable, match="There is no connection “HubSpot of sales”; make it first"):
        files.read(written)
    mine = connection("HubSpot of sales")
    assert files.read(written).document.steps[0].config["connection"] == mine.pk


def test_the_documentations_test_runs_and_calls_nobody(campaign_run, tmp_path, monkeypatch, hubspot):
    (tmp_path / "trial.yaml").write_text(text())
    monkeypatch.chdir(tmp_path)
    answers = {f"{hubspot.url}/{address.split('/', 3)[3]}": said for address, said in SHOWN["ANSWERS"].items()}
    SHOWN["UPSERT"], SHOWN["ANSWERS"] = next(iter(answers)), answers  # this test's HubSpot stands elsewhere

    def run(path, **more):
        return campaign_run(tmp_path / path, **more)

    SHOWN["test_sales_get_to_know_them"](run)
    assert not hubspot.got, "nobody was called"
