"""Change score: the fields of a sequence's card, as settings of a step."""

from campaigns.config_form import ConfigForm
from campaigns.score_cards import ScoreFields, initial_score
from campaigns.sequence_offers import Offered
from scoring.models import ScoreModel


class ScoreForm(ScoreFields, ConfigForm):
    """Which score, what is done to it, how long that lasts, and why."""

    template = "campaigns/panels/score.html"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["score_model"].label, self.fields["score_effect"].label = "Score", "What is done"
        self.offer_scores(Offered(None, [], list(ScoreModel.objects.defer("draft"))))

    def clean(self):
        super().clean()
        self.clean_score()
        return self.cleaned_data

    @classmethod
    def initial_from(cls, config):
        return initial_score(config)

    def config(self):
        return self.score_config()
