"""The database of the tests: the one DATABASE_URL names, else an embedded PostgreSQL for the time of the run.

It is started once, by the process that controls the run; the workers of pytest-xdist inherit DATABASE_URL.
"""

import math
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import post_migrate

from scoring.apps import install_starters

pytest_plugins = ["automation.testing"]


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
