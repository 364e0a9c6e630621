from django.core.management.base import BaseCommand

from config.demo import company
from lib import clock


class Command(BaseCommand):
    help = "Writes the demo company: a shop for plants and lamps. A second time it changes nothing."

    def handle(self, *args, **options):
        written = company.load(clock.now())
        self.stdout.write("The demo company is ready." if written else "The demo company was there already.")
