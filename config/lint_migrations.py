"""`make check`: refuses a migration that the version still running beside it could not live with.

A table that a migration itself creates has no readers yet, so initial migrations pass. Adding a column that
the older code does not fill, renaming or dropping one that it reads: these take two releases.
"""

import os
import sys
from pathlib import Path

import django

from lib.postgres import database_url

ROOT = Path(__file__).resolve().parent.parent
# Before anybody ran Dripline: one makes a new table of an empty one, two make the same key unique by another index.
FIRST_RELEASE = ["0003_partition_events", "0003_keep_fewer_indexes", "0013_keep_the_gates_of_those_who_drain"]


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with database_url(Path(os.environ.get("DATA_DIR") or ROOT / ".data")) as url:
        os.environ["DATABASE_URL"] = url
        django.setup()
        return int(has_errors())


def has_errors() -> bool:
    from django.apps import apps
    from django_migration_linter import MigrationLinter

    ours = [app.label for app in apps.get_app_configs() if Path(app.path).parent == ROOT]
    linter = MigrationLinter(
        str(ROOT),
        include_apps=ours,
        ignore_initial_migrations=True,
        ignore_name=FIRST_RELEASE,
        no_cache=True,
        quiet=["ok", "ignore"],
    )
    linter.lint_all_migrations()
    linter.print_summary()
    return linter.has_errors


if __name__ == "__main__":
    sys.exit(main())
