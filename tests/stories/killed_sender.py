"""A process that sends what is due until it is killed. It is forked, ready to send, for every line on standard input.

Standard output tells each one's process id. Nothing but the mail server and the database outlives it.
"""

import os
import signal
import sys
import time

import django


def main() -> None:
    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed leave no zombies
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            send_for_ever()
        print(child, flush=True)


def send_for_ever() -> None:
    from campaigns import sending
    from lib import clock

    sending.BATCH = int(os.environ["BATCH"])
    while os.getppid() != 1:
        if not sending.send_due(clock.now()):
            time.sleep(0.02)
    os._exit(0)


if __name__ == "__main__":
    main()
