"""Score models in the admin: the list, and the ways to their pages."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import path
from django.utils.html import format_html_join
from django.views.decorators.http import require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from scoring import insight, model_pages, showing, standing
from scoring.contact_urls import contact_urls
from scoring.edit_pages import edit_urls
from scoring.models import ScoreModel


class ScoreModelList(ChangeList):
    """The list, with how many people are in which band, of all models at once."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        counted = insight.bands_of([model for model in self.result_list if model.is_active])
        for model in self.result_list:
            model.counted = counted.get(model.pk)


@admin.register(ScoreModel)
class ScoreModelAdmin(ModelAdmin):
    list_display = ["titled", "on_or_off", "people", "in_bands", "state"]
    list_display_links = ["titled"]
    list_per_page = 50
    show_full_result_count = False
    actions = None
    empty_icon = "leaderboard"
    empty_title = "No score models yet"
    empty_sentence = (
        "A score model gives contacts points for who they are and for what they do, so that you see who is worth "
        "a call and who needs more time."
    )

    class Media:
        css = {"all": ["scoring/scores.css"]}  # noqa: RUF012  as Django wants it

    def get_changelist(self, request, **kwargs):
        return ScoreModelList

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("job")

    @display(description="name", header=True, ordering="name")
    def titled(self, model):
        return model.name, model.description

    @display(description="scoring", ordering="is_active", label={"On": "success"})
    def on_or_off(self, model):
        return "On" if model.is_active else "Off"

    @display(description="have a score")
    def people(self, model):
        return f"{sum(model.counted):,}" if model.counted else "–"

    @display(description="bands")
    def in_bands(self, model):
        if not model.counted or not sum(model.counted):
            return "–"
        return render_to_string("scoring/in_bands.html", {"bands": showing.bands(model, model.counted)})

    @display(description="state")
    def state(self, model):
        labels = [render_to_string("scoring/badge.html", {"badge": badge}) for badge in standing.badges(model)]
        return format_html_join(" ", "{}", ((label,) for label in labels)) or "–"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return model_pages.model_page(self, request, object_id)

    def get_urls(self):
        def way(route, view, method):
            view = self.admin_site.admin_view(method(partial(view, self)))
            return path(f"<int:object_id>/{route}/", view, name=f"scoring_scoremodel_{route}")

        return [
            *edit_urls(self),
            *contact_urls(self),
            way("now", model_pages.now_fragment, require_safe),
            way("recompute", model_pages.recompute, require_POST),
            way("stop", model_pages.stop, require_POST),
            *super().get_urls(),
        ]
