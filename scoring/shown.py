"""Scores as pages print them: points, points given and taken, the colour of a band."""

from scoring.models import ScoreModel


def points(value: float) -> str:
    """“12”, “12.4”, “1,250”, “−3”: one decimal where it is not whole."""
    shown = f"{round(value, 1) + 0.0:,.1f}".removesuffix(".0")  # + 0.0: there is no minus nought
    return shown.replace("-", "−")  # noqa: RUF001  a minus, not a hyphen


def number(value: float) -> int | float:
    """The same for machines: 12, 12.4."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def signed(value: float) -> str:
    """“+5”, “−10”, “0”."""
    return f"+{points(value)}" if round(value, 1) > 0 else points(value)


def tone(place: int, bands: int) -> str:
    """The colour of a band's badge: the highest is hot, the lowest cold."""
    if place == 0:
        return "info"
    return {1: "danger", 2: "warning", 3: "success"}.get(bands - place, "primary")


def tone_of(model: ScoreModel, band: str) -> str:
    """The same for a band by its name."""
    return tone(model.bands.index(band), len(model.bands)) if band in model.bands else ""
