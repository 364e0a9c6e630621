"""Workers that die, or are overtaken, at a commit of their choice: the way out is the real one."""

from collections.abc import Callable

from django.conf import settings

from campaigns.claiming import claim
from campaigns.sending import Batch
from campaigns.transports import transport_from


class Killed(BaseException):
    """The worker is gone; nothing that catches exceptions may save it."""


class Interrupted:
    """A way out on which something happens `before` or `after` the nth commit, counted from 1.

    After a commit that marks a message the final dot has not been written; before the next one it has.
    """

    def __init__(self, nth: int, before: bool, happens: Callable[[], None]):
        self.way = transport_from(settings.EMAIL_URL)
        self.nth, self.before, self.happens = nth, before, happens
        self.commits = 0

    def send_all(self, mails, commit) -> None:
        def counted(outcomes, mail):
            self.commits += 1
            if self.before and self.commits == self.nth:
                self.happens()
            marked = commit(outcomes, mail)
            if not self.before and self.commits == self.nth:
                self.happens()
            return marked

        self.way.send_all(mails, counted)

    def close(self) -> None:
        self.way.close()


def die() -> None:
    raise Killed


def send_and(happens: Callable[[], None], now, limit: int, nth: int, before: bool) -> None:
    """One worker's batch, interrupted; one that dies leaves what it had committed."""
    way = Interrupted(nth, before, happens)
    try:
        Batch(claim(now, limit), way, now).send()
    except Killed:
        return
    finally:
        way.close()
