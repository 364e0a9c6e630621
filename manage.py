#!/usr/bin/env python
"""Runs a management command; without DATABASE_URL, on the embedded PostgreSQL of DATA_DIR."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from lib.postgres import database_url

    data_dir = Path(os.environ.get("DATA_DIR") or Path(__file__).parent / ".data")
    with database_url(data_dir) as url:
        os.environ["DATABASE_URL"] = url
        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as fault:  # one sentence that says which setting is wrong
            sys.exit(str(fault))


if __name__ == "__main__":
    main()
