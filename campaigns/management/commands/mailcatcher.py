"""`manage.py mailcatcher`: a local SMTP server whose mails appear under *Caught mail*."""

import signal
import threading

from django.core.management.base import BaseCommand, CommandError

from campaigns.catcher import controller


class Command(BaseCommand):
    help = "Takes mail on a local port and shows it in the admin instead of delivering it."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=1025)

    def handle(self, *args, host, port, **options):
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        server = controller(host, port)
        try:
            server.start()
        except OSError as fault:
            sentence = f"The mail catcher cannot listen on port {port}: {fault.strerror}. Choose another --port."
            raise CommandError(sentence) from fault
        self.stdout.write(f"Catching mail on {host}:{port}")
        self.stdout.flush()
        stopped.wait()
        server.stop()
