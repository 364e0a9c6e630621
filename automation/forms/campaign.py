"""The form of the steps that start or end another campaign."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.config_form import ConfigForm
from campaigns.models import Campaign


class CampaignForm(ConfigForm):
    """Which campaign."""

    campaign = forms.TypedChoiceField(
        label="Campaign",
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose the campaign.",
            "invalid_choice": "There is no such campaign any more; choose another one.",
        },
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        campaign: Any = self.fields["campaign"]
        there = Campaign.objects.exclude(state=Campaign.State.ARCHIVED).order_by("name", "pk")
        campaign.choices = [("", "Choose a campaign…"), *there.values_list("pk", "name")]
