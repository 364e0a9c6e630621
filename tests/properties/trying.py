"""Test runs beside everything else: a copy of a campaign with a clock of its own, which must be in no number."""

import contextlib

from hypothesis import strategies as st
from hypothesis.stateful import rule

from automation import running
from automation.models import TestRun
from campaigns.models import Campaign
from contacts.models import Contact
from tests.properties.dying import fates
from tests.properties.editing import Editing


class Trying(Editing):
    """The part of the machine in which marketers try what they have drawn."""

    @rule(index=st.integers(0, 1), draft=st.booleans(), speed=st.sampled_from([1440, 3600]), fate=fates)
    def try_it(self, index, draft, speed, fate):
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        chosen = running.Choices(of_draft=draft, speed=speed, properties={"order": "a"})
        testers = [Contact.objects.get(pk=self.site.tester)]
        # Refused: the draft cannot run as it is.
        with contextlib.suppress(running.Refused), self.whole(fate):
            running.start(campaign, testers, self.site.user, self.now, chosen)

    @rule()
    def look_at_the_tests(self):
        running.tidy(self.now)

    def runs_are_stopped(self) -> None:
        """Whoever waits for months by the run's clock, too."""
        for run in TestRun.objects.filter(ended_at=None):
            running.stop(run, self.site.user, self.now)
