"""Files become drafts: which campaign a file is of, how it differs, and what is written."""

import difflib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from campaigns import files, lifecycle
from campaigns.document import Document, parse
from campaigns.files import CampaignFile, NotReadable
from campaigns.models import Campaign
from campaigns.naming import Fault
from campaigns.publishing import Refused
from campaigns.sequence_words import differences
from ops import audit

BY_FILE = "Wrote the draft from a file."


@dataclass
class Change:
    """What a file would do: to which campaign (None: it makes one), and how its draft differs."""

    file: CampaignFile
    campaign: Campaign | None
    before: Document

    @property
    def is_new(self) -> bool:
        return self.campaign is None

    @property
    def changes_anything(self) -> bool:
        return self.is_new or self.before != self.file.document

    def in_words(self) -> list[tuple[str, str, str]]:
        """(what, before, after): what the words do not tell is named as such."""
        found = differences(self.before, self.file.document)
        unsaid = self.changes_anything and not found
        return [("The definition", "", "differs in what has no words of its own; see the text")] if unsaid else found

    def in_text(self) -> str:
        """Both files, as `diff -u` compares them."""
        uid = self.campaign.uid if self.campaign else self.file.uid
        before = "" if self.campaign is None else files.written(uid, self.before).text
        after = files.written(uid, self.file.document).text
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "draft", "file", lineterm="")
        return "\n".join(lines)


def change(file: CampaignFile) -> Change:
    """Compare a file with the draft of its campaign; raises NotReadable where it is not clear which one that is."""
    campaign = _campaign_of(file)
    return Change(file, campaign, parse(campaign.draft) if campaign else Document())


def _campaign_of(file: CampaignFile) -> Campaign | None:
    """That of the uid; where the file has none, that of the name."""
    if file.uid:
        return Campaign.objects.filter(uid=file.uid).first()
    named = list(Campaign.objects.filter(name=file.document.name).exclude(state="archived")[:2])
    if len(named) > 1:
        sentence = f"Several campaigns are called “{file.document.name}”; write the uid of the one that is meant."
        raise NotReadable([Fault("uid", sentence)])
    return named[0] if named else None


@transaction.atomic
def apply(file: CampaignFile, user, now: datetime, revision: int | None = None) -> Campaign:
    """Make or update the draft; raises NotReadable, Refused, and lifecycle.Conflict where it is not `revision`."""
    wanted = change(file)
    if wanted.campaign is None:
        return _made(file, user, now)
    campaign = Campaign.objects.select_for_update().get(pk=wanted.campaign.pk)
    if campaign.state == Campaign.State.ARCHIVED:
        raise Refused([f"The campaign “{campaign}” is archived; its draft is not edited any more."])
    if revision is not None and campaign.revision != revision:
        raise lifecycle.Conflict(campaign)
    if not wanted.changes_anything:
        return campaign
    campaign = lifecycle.save_draft(campaign, file.document, campaign.revision, user, now)
    audit.note(user, campaign, BY_FILE)
    return campaign


def _made(file: CampaignFile, user, now: datetime) -> Campaign:
    noted = "Made the campaign from a file."
    campaign, is_new = lifecycle.create_once(file.document, user, now, file.uid or "", noted)
    if not is_new:
        raise Refused(["Somebody else made the campaign with this uid at the same moment; compare once more."])
    return campaign
