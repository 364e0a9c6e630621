"""I1: people by file, as a marketer brings them over HTTP: upload, columns, dry run, import, and what follows."""

import csv
import io
import re
import secrets
import time
from typing import TYPE_CHECKING

import requests

from benchmarks import load
from benchmarks.site import Site, wait_until

if TYPE_CHECKING:
    from benchmarks.steps import Bench

# Nine columns: name, what it is, its type. The country is kept apart from that of step I, which segments ask for.
COLUMNS = (
    ("id", "user_id", "text"),
    ("email", "email", "text"),
    ("first_name", "attribute", "text"),
    ("last_name", "attribute", "text"),
    ("home_country", "attribute", "text"),
    ("plan", "attribute", "text"),
    ("age", "attribute", "number"),
    ("city", "attribute", "text"),
    ("visits", "attribute", "number"),
)
NOT_DONE = "SELECT state FROM ops_job WHERE kind = %s AND due_at IS NOT NULL"


def bulk_import(bench: "Bench") -> None:
    """I1: as many contacts as step I, all new."""
    count, site = bench.size.contacts, bench.site
    desk, file = Desk(site), people(count)
    cpu, begun = site.cpu(), time.monotonic()
    page = desk.upload(file)
    accepted = time.monotonic() - begun
    desk.say(page)
    wait_until(lambda: not site.ask(NOT_DONE, "contacts.check_import"), 900, "the dry run")
    tried = time.monotonic() - begun
    desk.post(page.replace("/columns/", "/start/"), {})
    wait_until(lambda: not site.ask(NOT_DONE, "contacts.import"), 900, "the import")
    site.await_idle(900)
    bench.note(
        I1_contacts_per_s=count / (time.monotonic() - begun),
        I1_cpu_us_each=(site.cpu() - cpu) / count * 1e6,
        I1_uploaded_s=accepted,
        I1_dry_run_s=tried - accepted,
        I1_not_imported=count - site.ask("SELECT count(*) FROM contacts_contact WHERE attributes ? 'home_country'"),
    )


def people(count: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(name for name, _, _ in COLUMNS)
    for n in range(count):
        one = load.person(n)["traits"]
        kept = (
            one["first_name"],
            one["last_name"],
            one["country"],
            one["plan"],
            one["age"],
            one["city"],
            one["visits"],
        )
        writer.writerow([f"file{n}", f"file{n}@example.com", *kept])
    return text.getvalue().encode()


class Desk:
    """A marketer's browser, without the browser."""

    def __init__(self, site: Site) -> None:
        password = secrets.token_urlsafe(12)
        make = f"from ops.models import User; User.objects.create_superuser('bench', 'bench@example.com', '{password}')"
        site.manage("shell", "-v0", "-c", make)
        self.url, self.session = f"http://127.0.0.1:{site.runner.port}", requests.Session()
        self.session.get(f"{self.url}/login/").raise_for_status()
        self.post("/login/", {"username": "bench", "password": password})

    def post(self, path: str, data: dict, **more) -> requests.Response:
        told = {"csrfmiddlewaretoken": self.session.cookies["csrftoken"], **data}
        answer = self.session.post(f"{self.url}{path}", told, timeout=600, **more)
        answer.raise_for_status()
        return answer

    def upload(self, file: bytes) -> str:
        """The path of the page that asks what the columns are."""
        answer = self.post("/contacts/import/add/", {"kind": "contacts"}, files={"file": ("people.csv", file)})
        return re.sub(r"^https?://[^/]+", "", answer.url)

    def say(self, page: str) -> None:
        data = {"known_or_new": "both", "empty": "leave"}
        for place, (name, use, kind) in enumerate(COLUMNS):
            data |= {f"use-{place}": use, f"attribute-{place}": name, f"type-{place}": kind}
        self.post(page, data)
