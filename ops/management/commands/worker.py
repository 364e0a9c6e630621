"""`manage.py worker`: a django-q2 cluster under the ticker. Start as many as you like, on as many hosts."""

from django.core.management.base import BaseCommand

from ops.ticker import Ticker


class Command(BaseCommand):
    help = "Works off what is due: changes, enrollments, mail. Stops cleanly on SIGTERM."

    def handle(self, *args, **options):
        Ticker().run()
