"""HTML as pieces that can be looked at and rewritten one by one.

For a source as a marketer wrote it the pieces are good enough to place Liquid tags; for what an HTML parser
has written out again they are exact, and only those decide what is safe.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape


def names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


VOID = names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
RAW_TEXT = {"style", "title", "textarea", "script"}
# Elements that end by themselves where the next one begins: they do not nest.
UNNESTED = names("p li td th tr tbody thead tfoot dt dd option html head body")
MAX_ELEMENTS = 5_000
MAX_NESTING = 100
MAX_TAG_LENGTH = 20_000
MAX_CSS_WORK = 1_000_000

TAG = re.compile(r"""</?([a-zA-Z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*+)>""")
ATTRIBUTE = re.compile(r"""([^\s"'>/=][^\s>/=]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
EXACT = re.compile(r"""<[a-z][^\s/>"'<{]*(?: [^\s"'<>/={]+="[^"]*")*>""")
INTERESTING = re.compile(r"<(?:[a-zA-Z/]|!|\?)")


class BrokenMarkup(Exception):
    """The HTML cannot be taken apart at `index`; `problem` says why."""

    def __init__(self, problem: str, index: int | None = None):
        super().__init__(problem, index)
        self.problem, self.index = problem, index


@dataclass(slots=True)
class Piece:
    """A stretch of HTML: kind is start, end, comment, text or raw (what stands in <style>, <title> …)."""

    kind: str
    text: str
    start: int
    name: str = ""

    def attributes(self) -> list[tuple[str, str]]:
        """Name and value, unescaped, of each attribute of a start tag."""
        found = TAG.fullmatch(self.text)
        inside = found.group(2) if found else ""
        return [(one.group(1).lower(), _unquoted(one.group(2) or "")) for one in ATTRIBUTE.finditer(inside)]

    def attribute(self, name: str) -> str | None:
        return next((value for key, value in self.attributes() if key == name), None)


def pieces(html: str) -> Iterator[Piece]:
    """The pieces of `html` in order; together they are all of it. Raises BrokenMarkup."""
    at = 0
    while found := INTERESTING.search(html, at):
        start = found.start()
        piece = _piece_at(html, start)
        if start > at:
            yield Piece("text", html[at:start], at)
        yield piece
        at = start + len(piece.text)
        if piece.kind == "start" and piece.name in RAW_TEXT:
            end = _raw_end(html, piece.name, at)
            yield Piece("raw", html[at:end], at, piece.name)
            at = end
    if at < len(html):
        yield Piece("text", html[at:], at)


def check_size(html: str) -> None:
    """Refuse what would keep a parser or a CSS engine busy for long. Raises BrokenMarkup."""
    elements = declarations = 0
    depth: dict[str, int] = {}
    for piece in pieces(html):
        if piece.kind == "raw" and piece.name == "style":
            declarations += piece.text.count(":")
        elements += piece.kind == "start"
        _count(depth, piece)
        if elements > MAX_ELEMENTS:
            raise BrokenMarkup(f"there are more than {MAX_ELEMENTS:,} elements; use fewer.", piece.start)
        if sum(depth.values()) > MAX_NESTING:
            problem = f"elements lie within each other more than {MAX_NESTING} deep; close those before."
            raise BrokenMarkup(problem, piece.start)
    if elements * declarations > MAX_CSS_WORK:
        raise BrokenMarkup("there are too many styles for so many elements; remove those not used.")


def is_exact(tag: str) -> bool:
    """Whether a start tag is written as parsers write it, so that `Piece.attributes` cannot misread it."""
    return bool(EXACT.fullmatch(tag))


def quoted(value: str) -> str:
    """`value` inside of an attribute's quotation marks; braces too, lest they be read as Liquid."""
    for char, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), ("\xa0", "&nbsp;"), ("{", "&#123;")):
        value = value.replace(char, entity)
    return value


def _unquoted(value: str) -> str:
    return unescape(value[1:-1] if value[:1] in ("'", '"') else value)


def _count(depth: dict[str, int], piece: Piece) -> None:
    if piece.name in VOID or piece.name in UNNESTED:
        return
    if piece.kind == "start":
        depth[piece.name] = depth.get(piece.name, 0) + 1
    elif piece.kind == "end" and depth.get(piece.name):
        depth[piece.name] -= 1


def _piece_at(html: str, start: int) -> Piece:
    if html.startswith("<!--", start):
        end = html.find("-->", start + 4)
        if end < 0:
            raise BrokenMarkup("a comment <!-- is never closed; add -->.", start)
        return Piece("comment", html[start : end + 3], start)
    found = TAG.match(html, start)
    if found and len(found.group()) <= MAX_TAG_LENGTH:
        kind = "end" if html[start + 1] == "/" else "start"
        return Piece(kind, found.group(), start, found.group(1).lower())
    end = html.find(">", start)
    if html[start + 1] in "!?" and end >= 0:
        return Piece("comment", html[start : end + 1], start)
    problem = f"{html[start : start + 20]}… is never closed; look for a missing > or quotation mark."
    raise BrokenMarkup(problem, start)


def _raw_end(html: str, name: str, at: int) -> int:
    closed = re.compile(f"</{name}", re.IGNORECASE).search(html, at)
    if not closed:
        raise BrokenMarkup(f"<{name}> is never closed; add </{name}>.", at)
    return closed.start()
