"""A plugin for pytest: `pytest_plugins = ["automation.testing"]` gives the fixture `campaign_run`.

docs/testing-campaigns.md shows how an engineer tests a campaign with it.
"""

import importlib

import pytest


@pytest.fixture
def campaign_run(db, settings, monkeypatch):
    """`campaign_run("welcome.yaml", contact={"email": …}, events=["users.signed_up"], until="7 days")` → a Run."""
    # Plugins are imported before Django is set up, models cannot be.
    playing = importlib.import_module("automation.playing")
    with playing.caught_mail(settings) as inbox:
        yield playing.Player(settings, monkeypatch, inbox).play
