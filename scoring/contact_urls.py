"""The addresses of the pages about one contact's score in one model."""

from functools import partial

from django.contrib.admin import ModelAdmin
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from scoring.adjust_pages import adjust_page, stage_back_page, take_back_page
from scoring.contact_pages import ledger_page


def contact_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """Beside those of the admin's own pages of score models."""

    def way(route: str, view, name: str) -> URLPattern:
        wrapped = model_admin.admin_site.admin_view(view)
        return path(f"<int:object_id>/{route}/", wrapped, name=f"scoring_scoremodel_{name}")

    return [
        way("ledger/<int:contact_id>", require_safe(partial(ledger_page, model_admin)), "ledger"),
        way("adjust/<int:contact_id>", partial(adjust_page, model_admin), "adjust"),
        way("stage-back/<int:contact_id>", partial(stage_back_page, model_admin), "stage_back"),
        way("take-back/<int:change_id>", partial(take_back_page, model_admin), "take_back"),
    ]
