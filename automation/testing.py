"""A plugin for pytest: `pytest_plugins = ["automation.testing"]` gives the fixture `campaign_run`.

docs/testing-campaigns.md shows how an engineer tests a campaign with it. The database is the one that DATABASE_URL
names, else an embedded PostgreSQL for the time of the run.
"""

import importlib
import os
import shutil
import tempfile
from pathlib import Path

import environ
import pytest
from django.conf import settings

from lib.postgres import Embedded

EMBEDDED = pytest.StashKey[Embedded]()


def pytest_configure(config: pytest.Config) -> None:
    """Started once, by the process that controls the run; workers of pytest-xdist inherit DATABASE_URL."""
    if os.environ.get("DATABASE_URL"):
        return
    folder = Path(tempfile.mkdtemp(prefix="dripline-tests-"))
    folder.chmod(0o755)  # the server's account must be able to enter it
    config.stash[EMBEDDED] = server = Embedded(folder, fsync=False, settings={"max_connections": "200"})
    os.environ["DATABASE_URL"] = server.start()
    # pytest-django has read the settings by now.
    settings.DATABASES["default"].update(environ.Env.db_url_config(server.url))


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := config.stash.get(EMBEDDED, None):
        server.stop()
        shutil.rmtree(server.data_dir, ignore_errors=True)


@pytest.fixture
def campaign_run(db, settings, monkeypatch):
    """`campaign_run("welcome.yaml", contact={"email": …}, events=["users.signed_up"], until="7 days")` → a Run."""
    # Plugins are imported before Django is set up, models cannot be.
    playing = importlib.import_module("automation.playing")
    with playing.caught_mail(settings) as inbox:
        yield playing.Player(settings, monkeypatch, inbox).play
