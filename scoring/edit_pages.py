"""The pages on which a marketer builds and edits a score model."""

from django.contrib.admin import ModelAdmin
from django.urls import URLPattern


def edit_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """Their addresses, beside those of the admin's own pages of score models."""
    return []
