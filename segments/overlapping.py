"""How two segments overlap: in numbers, and as two circles whose areas are those numbers."""

import math
from dataclasses import dataclass

from django.db import connection

from segments.models import Segment

_COUNT = """
SELECT (SELECT count(*) FROM segments_membership WHERE segment_id = %(a)s AND left_at IS NULL),
    (SELECT count(*) FROM segments_membership WHERE segment_id = %(b)s AND left_at IS NULL),
    (SELECT count(*) FROM segments_membership a JOIN segments_membership b ON b.contact_id = a.contact_id
     WHERE a.segment_id = %(a)s AND a.left_at IS NULL AND b.segment_id = %(b)s AND b.left_at IS NULL)
"""
WIDTH, HEIGHT, LARGEST = 440, 220, 96
FITS = 34  # a number needs so much room


@dataclass(frozen=True)
class Overlap:
    """How many people are in both, in the first alone, in the second alone."""

    both: int
    only_a: int
    only_b: int

    def share(self, part: int, whole: int) -> str:
        return f"{100 * part / whole:.0f} %" if whole else "–"

    @property
    def of_a(self) -> str:
        return self.share(self.both, self.both + self.only_a)

    @property
    def of_b(self) -> str:
        return self.share(self.both, self.both + self.only_b)


def compare(first: Segment, second: Segment) -> Overlap:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"a": first.pk, "b": second.pk})
        a, b, both = cursor.fetchone()
    return Overlap(both, a - both, b - both)


@dataclass(frozen=True)
class Circles:
    """Two circles as SVG draws them, with the numbers that find room in their parts: (x, number)."""

    xa: float
    xb: float
    ra: float
    rb: float
    labels: list[tuple[float, str]]
    y: float = HEIGHT / 2
    width: int = WIDTH
    height: int = HEIGHT


def circles(overlap: Overlap) -> Circles | None:
    """Areas in proportion to the numbers; None where nobody is in either."""
    a, b = overlap.both + overlap.only_a, overlap.both + overlap.only_b
    if not (a or b):
        return None
    scale = LARGEST / math.sqrt(max(a, b))
    ra, rb = scale * math.sqrt(a), scale * math.sqrt(b)
    apart = _distance(ra, rb, math.pi * scale**2 * overlap.both)
    left = (WIDTH - (max(ra, rb - apart) + max(apart + rb, ra))) / 2
    xa = left + max(ra, rb - apart)
    xb = xa + apart
    parts = [
        (xa - ra, min(xa + ra, xb - rb), overlap.only_a),
        (max(xa - ra, xb - rb), min(xa + ra, xb + rb), overlap.both),
        (max(xa + ra, xb - rb), xb + rb, overlap.only_b),
    ]
    labels = [((low + high) / 2, f"{number:,}") for low, high, number in parts if number and high - low >= FITS]
    rounded = [(round(x, 1), text) for x, text in labels]
    return Circles(round(xa, 1), round(xb, 1), round(ra, 1), round(rb, 1), rounded)


def _distance(ra: float, rb: float, area: float) -> float:
    """How far apart two circles lie that share this area: by halving."""
    low, high = abs(ra - rb), ra + rb
    if area <= 0:
        return high + 8
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if lens(ra, rb, middle) > area else (low, middle)
    return (low + high) / 2


def lens(ra: float, rb: float, apart: float) -> float:
    """The area that two circles share."""
    if apart >= ra + rb:
        return 0
    if apart <= abs(ra - rb):
        return math.pi * min(ra, rb) ** 2
    to_a = (apart**2 + ra**2 - rb**2) / (2 * apart)
    return _slice(ra, to_a) + _slice(rb, apart - to_a)


def _slice(radius: float, cut: float) -> float:
    """The part of a circle beyond a line so far from its centre."""
    cut = max(-radius, min(radius, cut))
    return radius**2 * math.acos(cut / radius) - cut * math.sqrt(radius**2 - cut**2)
