"""What turns or holds an enrollment before its message exists; nothing that is held here has been promised to anybody.

Whoever is held is asked again when the time has come: exits, the audience filter of a campaign that keeps matching
(`automation.staying`) and what stands here. Consent is looked at when the mail is sent.
"""

from collections.abc import Sequence
from datetime import datetime

from automation import capped
from automation.models import Visit
from campaigns.step_kinds import Done, Outcome

SKIPPED = "Left out, as a wait before it said: its date was past or missing."


def turned(visits: Sequence[Visit], now: datetime) -> dict[int, Outcome]:
    """By the place of the visit: what becomes of those who get no message now. All stand in the same step."""
    found: dict[int, Outcome] = {}
    for place, visit in enumerate(visits):
        if visit.message_id is None and visit.enrollment.skips_message:
            visit.enrollment.skips_message = False
            found[place] = Done(SKIPPED, arm="skipped")
    asking = [visit for place, visit in enumerate(visits) if visit.message_id is None and place not in found]
    held = capped.held(asking, now)
    return found | {
        place: held[visit.enrollment.pk] for place, visit in enumerate(visits) if visit.enrollment.pk in held
    }
