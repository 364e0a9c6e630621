from django.apps import AppConfig


class ScoringConfig(AppConfig):
    name = "scoring"
    verbose_name = "Scores"

    def ready(self):
        from ops import work
        from scoring import fading

        work.register(work.Queue("scores", "Scores that fade", fading.is_due, fading.look))
