"""How points and bands are printed."""

import pytest

from scoring import shown
from scoring.models import ScoreModel


@pytest.mark.parametrize(
    ("value", "words", "signed"),
    [
        (12.0, "12", "+12"),
        (12.44, "12.4", "+12.4"),
        (-0.04, "0", "0"),
        (0.04, "0", "0"),
        (0, "0", "0"),
        (-3.25, "−3.2", "−3.2"),
        (1250, "1,250", "+1,250"),
        (99.96, "100", "+100"),
    ],  # fmt: skip
)  # noqa: RUF001
def test_points_are_whole_or_have_one_decimal(value, words, signed):
    assert (shown.points(value), shown.signed(value)) == (words, signed)


def test_the_highest_band_is_red_and_the_lowest_blue():
    assert [shown.tone(place, 3) for place in range(3)] == ["info", "warning", "danger"]
    assert [shown.tone(place, 2) for place in range(2)] == ["info", "danger"]
    assert shown.tone(0, 1) == "info"
    model = ScoreModel(definition={"bands": [{"name": "Cold", "points": 0}, {"name": "Hot", "points": 80}]})
    assert (shown.tone_of(model, "Hot"), shown.tone_of(model, "Tepid")) == ("danger", "")
