"""Makes an API key for a program that sends events or manages contacts."""

from django.core.management.base import BaseCommand
from django.db import DatabaseError, transaction

from lib import clock
from ops.models import ApiKey, Source


class Unusable(ValueError):
    """Says in one sentence which option is wrong and what to write."""


class Command(BaseCommand):
    help = "Make an API key; prints it once, and nothing else."

    def add_arguments(self, parser):
        # Checked in `make_key`, so that a mistake gets one sentence instead of a page of usage.
        parser.add_argument("--kind", help="write (only adds events) or server (reads and manages)")
        parser.add_argument("--source", help="what will use it, such as “Web shop”; made if need be")
        parser.add_argument("--scope", action="append", help="of a server key; may be repeated; else: all")

    def handle(self, **options):
        try:
            text = make_key(options["kind"], options["source"], options["scope"])
        except Unusable as fault:
            self.fail(str(fault))
        except DatabaseError:
            self.fail("The database does not answer or is not migrated: check DATABASE_URL, run migrate.")
        self.stdout.write(text)

    def fail(self, sentence: str):
        self.stderr.write(sentence)
        raise SystemExit(1)


@transaction.atomic
def make_key(kind: str | None, source: str | None, scopes: list[str] | None) -> str:
    """The text of a new key; raises Unusable."""
    if kind not in ApiKey.Kind.values:
        raise Unusable("--kind must be write or server.")
    name = (source or "").strip()
    if not 0 < len(name) <= 80 or not name.isprintable():
        raise Unusable("--source must name what will use the key, in 1 to 80 characters.")
    if scopes and kind == ApiKey.Kind.WRITE:
        raise Unusable("--scope is for server keys; a write key only adds events.")
    if unknown := set(scopes or []) - set(ApiKey.Scope.values):
        known = ", ".join(ApiKey.Scope.values)
        raise Unusable(f"--scope {sorted(unknown)[0]} is unknown; write one of {known}.")
    row, _ = Source.objects.get_or_create(name=name, defaults={"created_at": clock.now()})
    return ApiKey.objects.create_key(kind, row, scopes=scopes)[1]
