"""`manage.py cluster`: the django-q2 cluster that `worker` starts and watches; not to be started by hand."""

import ctypes
import signal
import sys

from django.core.management.base import BaseCommand
from django_q.cluster import Cluster

PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    help = "Runs django-q2 for `manage.py worker`; start that instead."

    def handle(self, *args, **options):
        end_with_parent()
        cluster = Cluster()
        cluster.start()
        cluster.sentinel.join()


def end_with_parent() -> None:
    """On Linux: stop when the ticker is killed, so that a killed worker leaves no orphans."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
