"""Every example begins alike: what a rollback leaves behind is taken back, too.

Chance goes by ids: who is held out, which way of a split, when within a quarter of an hour, in what order mails of one
moment go out. Ids come from sequences, which no rollback turns back, or from the system's chance; and what a process
has read it remembers. Else a failure would not come again when its steps are played once more.
"""

import os
from random import Random

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from automation import documents
from ops.work import Beat

SEQUENCES = """
SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), last_value IS NOT NULL
FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename
"""


class Beginning:
    """How things stood before the first example."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.chance = Random()
        patch.setattr(os, "urandom", self.chance.randbytes)
        with connection.cursor() as cursor:
            cursor.execute(SEQUENCES)
            self.sequences = cursor.fetchall()

    def again(self) -> None:
        """Called once an example's transaction has begun."""
        asked = ", ".join("setval(%s::regclass, %s, %s)" for _ in self.sequences)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {asked}", [value for row in self.sequences for value in row])
        self.chance.seed(0)
        documents._documents.clear()  # by ids that are given once more
        # Read by the first example, and not by the second: a fate that is met at the nth statement counts them.
        ContentType.objects.clear_cache()
        Beat.current = None
