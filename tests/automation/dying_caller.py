"""A worker that makes calls of webhooks until it is killed: `python -m tests.automation.dying_caller`."""

import time

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from automation.webhooks import calling
    from tests.automation.webhooks import LOOPBACK
    from tests.factories import NOW

    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP = LOOPBACK, True
    while True:
        if not calling.call_due(NOW):
            time.sleep(0.02)


if __name__ == "__main__":
    main()
