"""`manage.py campaigns export|diff|apply|ready`: campaigns as files kept with the code, and ready-made ones."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from campaigns import applying, files, publishing
from campaigns.applying import Change
from campaigns.files import NotReadable
from campaigns.models import Campaign
from campaigns.publishing import Refused
from campaigns.starters.install import MAY_USE, next_number, use
from campaigns.starters.shelf import starters
from lib import clock, plain_yaml

DIFFERS, REFUSED = 1, 2


class Command(BaseCommand):
    help = (
        "Campaigns as files. export CAMPAIGN: writes one. diff FILE…: exits with 1 where a draft differs. "
        "apply FILE… --by NAME: makes or updates the drafts, all or none. ready [KEY --by NAME]: lists the ready-made "
        "campaigns, or makes a draft of one. Exits with 2 where something is refused."
    )
    requires_migrations_checks = True

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="Write a campaign as a file.")
        export.add_argument("campaign", help="Its uid, number or name.")
        export.add_argument("-o", "--output", help="The file to write; else it is printed.")
        export.add_argument("--live", action="store_true", help="What is live, not the draft.")
        diff = verbs.add_parser("diff", help="Compare files with the drafts of their campaigns.")
        diff.add_argument("files", nargs="+", metavar="FILE", help="“-”: standard input.")
        diff.add_argument("--text", action="store_true", help="As diff -u compares the files, not in words.")
        apply = verbs.add_parser("apply", help="Make or update the drafts of campaigns from files.")
        apply.add_argument("files", nargs="+", metavar="FILE", help="“-”: standard input.")
        apply.add_argument("--by", metavar="NAME", help="The log-in name of who does it; the audit log names them.")
        apply.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        apply.add_argument("--publish", action="store_true", help="Then publish those that are live already.")

        ready = verbs.add_parser("ready", help="List the ready-made campaigns, or make a draft of one.")
        ready.add_argument("key", nargs="?", help="Which one; else they are listed.")
        ready.add_argument("--by", metavar="NAME", help="The log-in name of who does it; the audit log names them.")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(**options)

    # --- the verbs ---

    def _export(self, campaign: str, output: str | None, live: bool, **_: Any) -> None:
        row = _named(campaign)
        if live and row.live is None:
            raise _refused(f"“{row}” was never published; export its draft.")
        written = files.export(row, live)
        for fault in written.left_out:
            self.stderr.write(f"Left out: {fault}")
        if output is None:
            self.stdout.write(written.text, ending="")
            return
        try:
            Path(output).write_text(written.text, encoding="utf-8")
        except OSError as fault:
            raise _refused(f"{output} cannot be written: {fault.strerror}.") from fault

    def _diff(self, files: list[str], text: bool, **_: Any) -> None:
        changes = list(_changes(files))
        for name, change in changes:
            self._show(name, change, text)
        if any(change.changes_anything for _, change in changes):
            sys.exit(DIFFERS)

    def _apply(self, files: list[str], by: str | None, dry_run: bool, publish: bool, **_: Any) -> None:
        changes = list(_changes(files))
        if dry_run:
            for name, change in changes:
                self._show(name, change, text=False)
            return
        user = _allowed(by, changes, publish)
        try:
            with transaction.atomic():
                said = [_apply_one(name, change, user, publish) for name, change in changes]
        except Refused as refused:
            raise _refused(*refused.sentences) from refused
        except NotReadable as fault:
            raise _refused(*map(str, fault.faults)) from fault
        for sentence in said:
            self.stdout.write(sentence)

    def _ready(self, key: str | None, by: str | None, **_: Any) -> None:
        if key is None:
            for one in starters().values():
                self.stdout.write(f"{one.key:<22} {one.type_label}: {one.when}")
            return
        starter = starters().get(key)
        if starter is None:
            raise _refused(f"There is no ready-made campaign “{key}”; “campaigns ready” lists them.")
        user = _person(by, MAY_USE)
        try:
            campaign = use(starter, next_number(starter), user, clock.now())
        except NotReadable as fault:
            raise _refused(*map(str, fault.faults)) from fault
        self.stdout.write(f"Made a draft of “{campaign}” ({campaign.uid}), switched off.")

    def _show(self, name: str, change: Change, text: bool) -> None:
        if not change.changes_anything:
            self.stdout.write(f"{name}: the draft of “{change.campaign}” is the same.")
        elif text:
            self.stdout.write(change.in_text())
        else:
            what = "makes a campaign" if change.is_new else f"changes the draft of “{change.campaign}”"
            self.stdout.write(f"{name}: {what}.")
            for label, before, after in change.in_words():
                self.stdout.write(f"  {label}: {f'{before} → ' if before else ''}{after or 'nothing any more'}")
        for fault in change.file.unready:
            self.stdout.write(f"  Before it can be published: {fault}")


def _changes(names: list[str]) -> Iterator[tuple[str, Change]]:
    """Each file with what it would do; whatever is wrong in any of them is told before anything is done."""
    found, wrong = [], []
    for name in names:
        try:
            found.append((name, applying.change(files.read(_content(name)))))
        except NotReadable as refused:
            wrong += [f"{name}: {fault}" for fault in refused.faults]
    wrong += _twice(found)
    if wrong:
        raise _refused(*wrong)
    yield from found


def _twice(found: list[tuple[str, Change]]) -> list[str]:
    """Two files of one campaign: the second would undo the first."""
    seen: dict[tuple[str, str], str] = {}
    wrong = []
    for name, change in found:
        of = ("uid", change.campaign.uid) if change.campaign else ("name", change.file.uid or change.file.document.name)
        if of in seen:
            wrong.append(f"{name}: it is of the same campaign as {seen[of]}; name one of them.")
        seen[of] = name
    return wrong


def _content(name: str) -> bytes:
    """A little more than may be read, so that what is too large shows."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(plain_yaml.MAX_BYTES + 1)
        with open(name, "rb") as opened:
            return opened.read(plain_yaml.MAX_BYTES + 1)
    except OSError as fault:
        raise _refused(f"{name} cannot be read: {fault.strerror or fault}.") from fault


def _allowed(by: str | None, changes: list[tuple[str, Change]], publish: bool) -> Any:
    """The person in whose name it is done, who must be allowed to do it in the admin, too."""
    needed = {"campaigns.add_campaign" if change.is_new else "campaigns.change_campaign" for _, change in changes}
    user = _person(by, needed)
    if publish and not user.has_perm("campaigns.publish_campaign"):
        raise _refused(f"“{by}” may not publish campaigns.")
    return user


def _person(by: str | None, needed: set[str]) -> Any:
    if not by:
        raise _refused("Say who does it: --by NAME, a log-in name. The audit log names them.")
    user = get_user_model().objects.filter(username=by, is_active=True).first()
    if user is None:
        raise _refused(f"There is nobody with the log-in name “{by}”.")
    if not user.has_perms(needed):
        raise _refused(f"“{by}” may not edit campaigns.")
    return user


def _apply_one(name: str, change: Change, user: Any, publish: bool) -> str:
    now = clock.now()
    campaign = applying.apply(change.file, user, now)
    done = (
        "made a draft of" if change.is_new else "updated the draft of" if change.changes_anything else "left as it was"
    )
    said = f"{name}: {done} “{campaign}” ({campaign.uid})."
    if unready := change.file.unready:
        left = "1 thing has" if len(unready) == 1 else f"{len(unready)} things have"
        said = "\n  ".join([f"{said} {left} to be put right before it can be published:", *map(str, unready)])
    if not publish:
        return said
    if campaign.live is None:
        return f"{said} It was never active: activate it in the admin, where you see who enters."
    if not publishing.impact(campaign).changes_anything:
        return f"{said} What is live is the same."
    return f"{said} Published as version {publishing.publish(campaign, user, now).number}."


def _named(text: str) -> Campaign:
    rows = Campaign.objects.select_related("live")
    found = list(rows.filter(uid=text)) or list(rows.filter(name=text)[:2])
    if not found and text.isascii() and text.isdecimal() and len(text) < 10:
        found = list(rows.filter(pk=int(text)))
    if len(found) == 1:
        return found[0]
    raise _refused(f"{'Several campaigns are' if found else 'No campaign is'} called “{text}”; name it by its uid.")


def _refused(*sentences: str) -> CommandError:
    return CommandError("\n".join(sentences), returncode=REFUSED)
