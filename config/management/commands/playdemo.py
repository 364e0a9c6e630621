import time

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import CaughtMail
from config.demo import play
from lib import clock

PATIENCE = 60


class Command(BaseCommand):
    help = "Plays a morning of shop events through the HTTP API and waits for the first mails."

    def add_arguments(self, parser):
        parser.add_argument("--url", required=True, help="Where Dripline answers, such as http://127.0.0.1:8000.")

    def handle(self, *args, url, **options):
        sent = play.play(url.rstrip("/"), clock.now())
        until = time.monotonic() + PATIENCE
        while not CaughtMail.objects.exists():
            if time.monotonic() > until:
                raise CommandError(f"{sent} events were sent, but no mail arrived within {PATIENCE} seconds.")
            time.sleep(0.2)
        self.stdout.write(f"{sent} shop events were played; the first welcome mails are under Caught mail.")
