"""Two files about the same people at once, and a product that tells of them meanwhile: everybody is made once."""

import threading

import pytest
from django.db import connection

from contacts import importing, writing
from contacts.models import Address, Contact, Identity, Import
from ops import jobs
from tests.contacts.importing import received, tried
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_workers_import_the_same_people_once(monkeypatch):
    monkeypatch.setattr(importing, "PART_ROWS", 40)
    with_ids = ["id,email", *(f"{n},u{n}@example.com" for n in range(200))]
    without = ["email,plan", *(f"u{n}@example.com,gold" for n in reversed(range(200)))]
    for rows in (with_ids, without, with_ids):
        importing.start(tried(received(*rows)), None, NOW)
    faults = []

    def work(then):
        try:
            for _ in range(60):
                then()
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    def tell():
        writing.contact_for_user("17", NOW)
        jobs.run_due(NOW, seconds=0.2)

    threads = [threading.Thread(target=work, args=[tell]) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    while jobs.is_due(NOW):
        jobs.run_due(NOW)
    assert not faults
    assert {whole.import_job.state for whole in Import.objects.all()} == {"done"}
    assert Identity.objects.count() == 200 and Address.objects.count() == 200
    assert Contact.objects.count() <= 201, "whoever was made without an address a moment before stays apart"
    assert all(contact.attributes == {"plan": "gold"} for contact in Contact.objects.exclude(address=None)[:5])
