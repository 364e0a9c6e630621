"""A real Chromium for tests, where one is found."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own.

    Playwright keeps an event loop in this thread, beside which Django opens connections of its own. Those of
    an earlier browser may have been cut since, and must be gone before the database can be dropped.
    """
    with sync_playwright() as playwright:
        connections.close_all()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
        connections.close_all()
