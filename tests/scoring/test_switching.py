"""Turning score models on and off, and deleting them; several people at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from ops.models import Job
from scoring import defining
from scoring.defining import Conflict, Refused
from scoring.models import ScoreModel, ScoreRule
from tests.factories import NOW
from tests.scoring.test_defining import edited, made

pytestmark = pytest.mark.django_db


def test_turned_on_it_scores_everybody_and_turned_off_it_stops():
    model = defining.switch(made(), True, None, NOW)
    assert model.is_active and Job.objects.filter(due_at__isnull=False).count() == 1
    with pytest.raises(Refused, match="on already"):
        defining.switch(model, True, None, NOW)
    model = defining.switch(model, False, None, NOW)
    assert not model.is_active and Job.objects.get().cancel_asked and not model.is_settled


def test_an_edition_of_an_active_model_is_worked_out_and_one_that_is_off_is_not():
    model = defining.put_in_force(edited(made(), margin=5), None, NOW)
    assert not Job.objects.exists()
    model = defining.switch(model, True, None, NOW)
    defining.put_in_force(edited(model, margin=7), None, NOW)
    assert Job.objects.count() == 2


def test_a_model_that_is_on_or_used_is_not_deleted():
    model = defining.switch(made(), True, None, NOW)
    with pytest.raises(Refused, match="turn it off first"):
        defining.delete(model, None)
    model = defining.switch(model, False, None, NOW)
    defining.USES.register("here", lambda ids: {pk: [("the segment “Hot”", "/x")] for pk in ids})
    try:
        with pytest.raises(Refused, match="used by the segment “Hot”"):
            defining.delete(model, None)
    finally:
        defining.USES._items.pop("here")
    defining.delete(model, None)
    assert not ScoreModel.objects.exists() and not ScoreRule.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_each_verb_lets_one_through():
    model = edited(made(), margin=5)
    verbs = {
        "save": lambda: defining.save_draft(model, defining.opened(model), model.draft_revision, None, NOW),
        "force": lambda: defining.put_in_force(model, None, NOW, revision=model.draft_revision),
        "on": lambda: defining.switch(model, True, None, NOW),
    }
    for verb, done in (("save", 1), ("force", 1), ("on", 1)):
        together = Barrier(4)

        def act(do=verbs[verb], together=together):
            together.wait()
            try:
                do()
            except (Conflict, Refused):
                return False
            finally:
                connections.close_all()
            return True

        with ThreadPoolExecutor(4) as people:
            assert sum(future.result() for future in [people.submit(act) for _ in range(4)]) == done, verb
        model.refresh_from_db()
    assert (model.edition, model.editions.count(), Job.objects.count(), model.is_active) == (2, 2, 1, True)
