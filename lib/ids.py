"""Time-ordered ids: random btrees cost, time-ordered ones are almost free."""

import os
import uuid
from datetime import datetime


def uuid7(at: datetime) -> uuid.UUID:
    """A version 7 UUID of the given time (RFC 9562)."""
    milliseconds = int(at.timestamp() * 1000) & (2**48 - 1)
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return uuid.UUID(int=value)
