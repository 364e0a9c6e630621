"""`manage.py cluster`: the django-q2 cluster that `worker` starts and watches; not to be started by hand."""

import ctypes
import gc
import signal
import sys

from django.core.management.base import BaseCommand
from django_q.cluster import Cluster

PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    help = "Runs django-q2 for `manage.py worker`; start that instead."

    def handle(self, *args, **options):
        end_with_parent()
        # What is loaded by now stays: the workers, which are forked from here, need not look it over again and
        # again for garbage. It cost a quarter of their time in Python.
        gc.freeze()
        cluster = Cluster()
        cluster.start()
        cluster.sentinel.join()


def end_with_parent() -> None:
    """On Linux: stop when the ticker is killed, so that a killed worker leaves no orphans."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
