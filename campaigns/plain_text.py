"""Plain text out of a mail's HTML, for the readers and filters that want it; its Liquid stays Liquid."""

import re
from html import unescape

from campaigns.markup import VOID, Piece, names
from campaigns.masking import Masks

SKIPPED = names("head style title textarea")
PARAGRAPHS = names("p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre hr section article header footer")
LINES = names("div li tr br dt dd address center form")
CELLS = names("td th")
FOR_HTML_ONLY = re.compile(r"\|\s*(?:newline_to_br|escape|escape_once)\b\s*(?=[|}-])")


def written_plain(parts: list[Piece], masks: Masks) -> str:
    """The text of parsed HTML: paragraphs, lists, links as "text (address)", pictures by their alt text."""
    writer = _Writer(masks)
    hidden = 0
    for part in parts:
        if part.kind == "start" and (hidden or _is_hidden(part, masks)):
            hidden += part.name not in VOID
        elif part.kind == "end" and hidden:
            hidden -= 1
        elif not hidden or _is_assignment(part, masks):
            writer.take(part)
    return FOR_HTML_ONLY.sub("", masks.unmasked("".join(writer.written))).strip() + "\n"


def _is_hidden(part: Piece, masks: Masks) -> bool:
    style = f"{part.attribute('style')};{part.attribute(masks.own_style)}"
    return part.name in SKIPPED or "display:none" in style.replace(" ", "").lower()


def _is_assignment(part: Piece, masks: Masks) -> bool:
    mark = masks.comment.fullmatch(part.text)
    return mark is not None and masks.mark(int(mark.group(1))).name == "assign"


class _Writer:
    """Holds back the break before the next text, so that breaks never pile up and Liquid tags add none."""

    def __init__(self, masks: Masks):
        self.masks = masks
        self.written: list[str] = []
        self.due = ""
        self.links: list[tuple[str, int]] = []
        self.counters: list[int] = []
        self.loops = 0

    def take(self, part: Piece) -> None:
        mark = self.masks.comment.fullmatch(part.text)
        if mark:
            self._mark(int(mark.group(1)))
        elif part.kind == "text":
            self._text(unescape(part.text))
        elif part.kind in ("start", "end"):
            self._break_around(part.name)
            (self._start if part.kind == "start" else self._end)(part)

    def _mark(self, number: int) -> None:
        name = self.masks.mark(number).name
        self.loops += (name == "for") - (name == "endfor")
        if self.masks.mark(number).kind == "tag":
            self.written.append(f"{self.masks.prefix}{number}x")
        else:
            self._word(f"{self.masks.prefix}{number}x")

    def _text(self, text: str) -> None:
        words = " ".join(text.replace("\xa0", " ").split())
        if not words:
            self.due = self.due or (" " if text else "")
            return
        if text[0].isspace():
            self.due = self.due or " "
        self._word(words.replace("{", '{{ "{" }}'))
        if text[-1].isspace():
            self.due = " "

    def _word(self, word: str) -> None:
        at_start = not any(part.strip() for part in self.written)
        self.written.append(word if at_start else self.due + word)
        self.due = ""

    def _break_around(self, name: str) -> None:
        wanted = "\n\n" if name in PARAGRAPHS else "\n" if name in LINES else " " if name in CELLS else ""
        if wanted and len(wanted.replace(" ", "")) >= len(self.due.replace(" ", "")):
            self.due = wanted

    def _start(self, part: Piece) -> None:
        if part.name in ("ul", "ol"):
            self.counters.append(1 if part.name == "ol" else 0)
        elif part.name == "li":
            self._item()
        elif part.name == "hr":
            self._word("----------")
            self.due = "\n\n"
        elif part.name == "img" and (part.attribute("alt") or "").strip():
            self._text(part.attribute("alt") or "")
        elif part.name == "a":
            self.links.append((part.attribute("href") or "", len(self.written)))

    def _item(self) -> None:
        number = self.counters[-1] if self.counters and not self.loops else 0
        self._word(f"{number}." if number else "-")
        self.due = " "
        if number:
            self.counters[-1] += 1

    def _end(self, part: Piece) -> None:
        if part.name in ("ul", "ol") and self.counters:
            self.counters.pop()
        elif part.name == "a" and self.links:
            self._address(*self.links.pop())

    def _address(self, url: str, since: int) -> None:
        url = url.strip()
        label = "".join(self.written[since:]).strip()
        if not self.masks.words(url) and not url.lower().startswith(("http://", "https://")):
            return
        if label != url:
            due, self.due = self.due, " "
            self._word(f"({url})" if label else url)
            self.due = due if due.strip(" ") == "" else due
