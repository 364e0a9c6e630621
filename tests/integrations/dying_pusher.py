"""A worker that pushes to a CRM until it is killed: `python -m tests.integrations.dying_pusher http://127.0.0.1:…`."""

import sys
import time

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from integrations import pushing
    from integrations.hubspot.connector import HubSpot
    from tests.automation.webhooks import LOOPBACK
    from tests.factories import NOW

    settings.WEBHOOK_NETWORKS, HubSpot.base = LOOPBACK, sys.argv[1]
    while True:
        if not pushing.push_due(NOW):
            time.sleep(0.02)


if __name__ == "__main__":
    main()
