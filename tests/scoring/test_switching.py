"""Turning score models on and off, and deleting them."""

import pytest

from ops.models import Job
from scoring import defining
from scoring.defining import Refused
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
