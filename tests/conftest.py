"""The database of the tests: the one DATABASE_URL names, else an embedded PostgreSQL for the time of the run.

It is started once, by the process that controls the run; the workers of pytest-xdist inherit DATABASE_URL.
"""

import math
import os
import shutil
import tempfile
from pathlib import Path

import environ
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import post_migrate

from lib.postgres import Embedded
from scoring.apps import install_starters

EMBEDDED = pytest.StashKey[Embedded]()


def pytest_configure(config: pytest.Config) -> None:
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


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """Before the tables are made: tests make the score models that they need, so a test's site begins without one."""
    post_migrate.disconnect(install_starters, sender=apps.get_app_config("scoring"))


@pytest.fixture(autouse=True)
def _fresh_content_types():
    """A flush gives content types new ids, and a rollback takes back new ones; the cache knows of neither."""
    ContentType.objects.clear_cache()


@pytest.fixture(autouse=True, scope="session")
def _whole_batches():
    """A machine that is slow for a moment makes no batch of mail smaller in the tests that follow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.sending.BATCH_SECONDS", math.inf)
        yield


# Seconds of work that a folder of tests may cost; together they must fit ten minutes on two cores.
BUDGETS = {"stories": 300, "automation": 240, "browser": 240, "scoring": 180, "config": 120, "ops": 150}
USUAL_BUDGET = 90


def pytest_terminal_summary(terminalreporter) -> None:
    """What each folder of tests cost, against its budget."""
    spent = _seconds_per_suite(terminalreporter.stats)
    terminalreporter.section("seconds per suite")
    for suite, seconds in sorted(spent.items()):
        budget = BUDGETS.get(suite, USUAL_BUDGET)
        remark = "  OVER BUDGET: make its slowest tests cheaper" if seconds > budget else ""
        terminalreporter.line(f"{suite:<14} {seconds:6.1f} of {budget}{remark}")


def _seconds_per_suite(stats: dict) -> dict[str, float]:
    spent: dict[str, float] = {}
    for report in (report for reports in stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            _tests, *folders, _file = Path(report.nodeid.split("::")[0]).parts
            suite = folders[0] if folders else "tests"
            spent[suite] = spent.get(suite, 0.0) + report.duration
    return spent
