"""What a merge does to messages: the winner has got them."""

from datetime import datetime

from campaigns.models import Message


def move(winner_id: int, loser_id: int, now: datetime) -> None:
    """Move the loser's messages. Their address stays: it is where they went, or will go."""
    Message.objects.filter(contact=loser_id).update(contact=winner_id)
