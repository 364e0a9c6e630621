"""Score models in the admin: the list, and the ways to their pages."""

from functools import partial

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_POST, require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import display

from scoring import model_pages
from scoring.edit_pages import edit_urls
from scoring.models import ScoreModel


@admin.register(ScoreModel)
class ScoreModelAdmin(ModelAdmin):
    list_display = ["titled", "on_or_off"]
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

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("job")

    @display(description="name", header=True, ordering="name")
    def titled(self, model):
        return model.name, model.description

    @display(description="scoring", ordering="is_active", label={"On": "success"})
    def on_or_off(self, model):
        return "On" if model.is_active else "Off"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return model_pages.model_page(self, request, object_id)

    def get_urls(self):
        def way(route, view, method):
            view = self.admin_site.admin_view(method(partial(view, self)))
            return path(f"<int:object_id>/{route}/", view, name=f"scoring_scoremodel_{route}")

        return [
            *edit_urls(self),
            way("now", model_pages.now_fragment, require_safe),
            way("recompute", model_pages.recompute, require_POST),
            way("stop", model_pages.stop, require_POST),
            *super().get_urls(),
        ]
