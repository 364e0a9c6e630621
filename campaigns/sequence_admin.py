"""Campaigns in the admin: the list, and the ways to their pages."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.template.loader import render_to_string
from django.urls import path
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from campaigns import (
    approving,
    canvas_pages,
    doors,
    file_pages,
    new_pages,
    numbers,
    preview_pages,
    ready_pages,
    sequence_pages,
    thumbnails,
    verb_pages,
    version_pages,
)
from campaigns.document import Document
from campaigns.models import Campaign
from campaigns.sequence_words import readable
from campaigns.verbs import PUBLISH
from lib import clock, once
from lib.admin import moment

STATE_COLOURS = {"Draft": "", "Active": "success", "Draining": "info", "Paused": "warning", "Archived": ""}
SPAN = timedelta(days=30)


class CampaignList(ChangeList):
    """The list, with the numbers of the campaigns on this page fetched at once."""

    result_list: list[Any]

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        counted = numbers.since([campaign.pk for campaign in self.result_list], clock.now() - SPAN)
        with once.reading(()):
            for campaign in self.result_list:
                campaign.numbers = counted[campaign.pk]
                campaign.flow = _flow(readable(campaign))


def _flow(document: Document) -> str:
    brief = thumbnails.steps_in_brief(document)
    shown = {"picture": thumbnails.thumbnail(document), "shape": thumbnails.shape(document), "brief": brief}
    return render_to_string("campaigns/thumbnail.html", shown)


class CampaignAdmin(ModelAdmin):
    list_display = ["titled", "flow", "kind", "state_badge", "inside", "sent", "opened", "clicked", "edited"]
    list_display_links = ["titled"]
    list_filter = ["state", "type"]
    list_per_page = 50
    search_fields = ["name", "objective"]
    search_help_text = "Name or objective"
    actions = None
    counted_as = "campaign", "campaigns"
    show_full_result_count = False
    show_add_link = False
    list_before_template = "campaigns/sequence_list_intro.html"
    edited = moment("edited_at", "last edited")
    empty_icon = "account_tree"
    empty_title = "No campaigns here"
    empty_sentence = (
        "A campaign mails people step by step, from the moment they do something that you choose, or once to many. "
        "Begin with “New campaign” above: a ready-made one is there in a minute."
    )

    def get_changelist(self, request, **kwargs):
        return CampaignList

    def has_delete_permission(self, request, obj=None):
        """What was ever live, or tried, is archived, not deleted: its history belongs to the people in it."""
        never_live = obj is not None and obj.state == Campaign.State.DRAFT and obj.live_id is None
        never_live = never_live and not obj.test_copies.exists()
        return never_live and super().has_delete_permission(request, obj)

    @display(description="Campaign", header=True, ordering="name")
    def titled(self, campaign):
        return campaign.name, campaign.objective

    @display(description="Flow")
    def flow(self, campaign):
        return campaign.flow

    @display(description="Type", ordering="type")
    def kind(self, campaign):
        return campaign.get_type_display()

    @display(description="State", label=STATE_COLOURS, ordering="state")
    def state_badge(self, campaign):
        return campaign.get_state_display()

    @display(description="People inside")
    def inside(self, campaign):
        return f"{campaign.numbers.waiting:,}"

    @display(description="Sent, 30 days")
    def sent(self, campaign):
        return f"{campaign.numbers.sent:,}"

    @display(description="Opened")
    def opened(self, campaign):
        return f"{campaign.numbers.opened:,}"

    @display(description="Clicked")
    def clicked(self, campaign):
        return f"{campaign.numbers.clicked:,}"

    def changelist_view(self, request, extra_context=None):
        asked = approving.all_waiting()[:20] if request.user.has_perm(PUBLISH) else ()
        told = {"title": "Campaigns", "asked": asked, "fuses": doors.blown(None, clock.now())}
        return super().changelist_view(request, told | (extra_context or {}))

    def add_view(self, request, form_url="", extra_context=None):
        return sequence_pages.add_page(self, request)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return sequence_pages.change_page(self, request, object_id)

    def get_urls(self):
        def way(route, view, name):
            view = self.admin_site.admin_view(partial(view, self))
            return path(f"<int:object_id>/{route}/", view, name=f"campaigns_campaign_{name}")

        def ready(route, view, name):
            view = self.admin_site.admin_view(partial(view, self))
            return path(f"ready/{route}", view, name=f"campaigns_campaign_{name}")

        def canvas(view):
            return self.admin_site.admin_view(partial(view, self))

        return [
            ready("", ready_pages.gallery_page, "ready"),
            ready("<slug:key>/", ready_pages.starter_page, "ready_one"),
            ready("<slug:key>/mails/<int:place>/", ready_pages.mail_page, "ready_mail"),
            *(way(verb, partial(verb_pages.verb_page, verb=verb), verb) for verb in verb_pages.VERBS),
            path(
                "upload/",
                self.admin_site.admin_view(partial(file_pages.upload_page, self)),
                name="campaigns_campaign_upload",
            ),
            way("download", file_pages.download_page, "download"),
            way("preview", preview_pages.preview_page, "preview"),
            way("preview/<int:template_id>/said", preview_pages.said, "said"),
            way("preview/<int:template_id>/test", preview_pages.test_page, "test"),
            path("new/", canvas(new_pages.new_page), name="campaigns_campaign_new"),
            path("canvas/add/", canvas(canvas_pages.add_page), name="campaigns_campaign_canvas_add"),
            path("canvas/draw/", canvas(canvas_pages.draw), name="campaigns_campaign_canvas_draw"),
            path("canvas/panel/", canvas(canvas_pages.panel), name="campaigns_campaign_canvas_panel"),
            way("canvas", canvas_pages.canvas_page, "canvas"),
            way("canvas/save", canvas_pages.save, "canvas_save"),
            way("canvas/numbers", canvas_pages.numbers, "canvas_numbers"),
            way("versions", version_pages.versions_page, "versions"),
            way("versions/<int:version>/restore", version_pages.restore_page, "restore"),
            *super().get_urls(),
        ]
