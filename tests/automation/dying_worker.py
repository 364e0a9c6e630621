"""Workers that kill themselves at a statement: one is forked, ready, for every line “QUEUE|NTH|NOW” on standard input.

A commit counts as two: just before it, and just after. The line's answer is “killed”, or “lived” where the work was
done before the statement came.
"""

import os
import signal
import sys
from datetime import datetime

import django


def main() -> None:
    django.setup()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            key, nth, now = line.rstrip("\n").split("|")
            work_until_death(key, int(nth), datetime.fromisoformat(now))
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "lived" if status == 0 else "failed", flush=True)


def work_until_death(key: str, nth: int, now: datetime) -> None:
    from django.db import connection

    from ops.work import QUEUES

    left, commit = nth, connection.commit

    def one_more() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(execute, sql, params, many, context):
        one_more()
        return execute(sql, params, many, context)

    def committed() -> None:
        one_more()
        commit()
        one_more()

    connection.commit = committed
    try:
        with connection.execute_wrapper(counted):
            QUEUES[key].work(now)
    finally:
        os._exit(0 if sys.exc_info()[0] is None else 1)


if __name__ == "__main__":
    main()
