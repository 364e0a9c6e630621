"""Send windows that leave no time to send: told while one edits, not when somebody has waited in vain."""

from collections.abc import Iterator
from typing import Any

from campaigns import windows
from campaigns.document import Document, StepDoc
from campaigns.models import EmailTemplate
from campaigns.windows import Window
from ops.models import SiteSettings


def never_open(document: Document) -> Iterator[tuple[str, str]]:
    """(place, sentence) for each window that lies in the quiet hours of the site as a whole."""
    own = {step.uid: window for step in document.steps if (window := _read(_of(step, "window")))}
    general = _read(document.window)
    awake = windows.awake(SiteSettings.get()) if own or general else None
    if awake is None:
        return
    mails = _marketing(document)
    if general and not windows.meet(general, awake) and any(uid not in own for uid in mails):
        yield "window", _sentence(general, awake)
    for uid in mails:
        if uid in own and not windows.meet(own[uid], awake):
            yield f"steps[{uid}].config", _sentence(own[uid], awake)


def _read(config: Any) -> Window | None:
    """One without faults of its own: those are told already."""
    return None if windows.faults(config) else windows.read(config)


def _of(step: StepDoc, name: str) -> Any:
    return step.config.get(name) if isinstance(step.config, dict) else None


def _marketing(document: Document) -> list[str]:
    """The steps whose mail heeds the quiet hours."""
    chosen = {step.uid: _of(step, "template") for step in document.steps}
    numbers = {pk for pk in chosen.values() if type(pk) is int and 0 < pk < 2**31}
    receipts = set(EmailTemplate.objects.filter(pk__in=numbers, transactional=True).values_list("pk", flat=True))
    return [uid for uid, pk in chosen.items() if type(pk) is int and pk not in receipts]


def _sentence(window: Window, awake: Window) -> str:
    return (
        f"The send window, {windows.words(window)}, lies in the quiet hours of the site, {awake.end} to {awake.start}, "
        "so nothing would ever be sent; choose another window."
    )
