"""The database of the tests: the one DATABASE_URL names, else an embedded PostgreSQL for the time of the run.

It is started once, by the process that controls the run; the workers of pytest-xdist inherit DATABASE_URL.
"""

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
