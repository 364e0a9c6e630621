"""A Liquid source before it is parsed: where its tags are, and each mistake that shows without parsing.

All of it is linear in the length of the source. The parser's own lexer is not (an unclosed `{{` costs it the
rest of the source, each time), so nothing reaches the parser that has not passed here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from lib.words import capital

MAX_SOURCE_BYTES = 256 * 1024
MAX_MARKS = 5_000
MAX_MARK_LENGTH = 2_000
MAX_NESTING = 30

BLOCKS = {"if", "unless", "case", "for", "capture"}
MIDDLES = {"else": ("if", "unless", "case", "for"), "elsif": ("if", "unless"), "when": ("case",)}
SINGLES = {"assign", "abort", "break", "continue"}
TAGS = BLOCKS | SINGLES | MIDDLES.keys() | {"comment", "raw"}

OPENING = re.compile(r"\{[{%]")
TAG_NAME = re.compile(r"\{%-?\s*(#|\w+)")
RAW = re.compile(r"\{%-?\s*raw\s*-?%\}")
ENDRAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")
UNSENDABLE = re.compile("[\0\ud800-\udfff]")


class TemplateError(Exception):
    """The source cannot be used. `sentence` tells a marketer where it fails and what to do.

    `line` and `column` count from 1 and are None where the whole source is meant; `field` is "HTML", "Text" …
    """

    def __init__(self, problem: str, line: int | None = None, column: int | None = None, field: str = ""):
        super().__init__(problem, line, column, field)
        self.problem, self.line, self.column, self.field = problem, line, column, field

    @property
    def sentence(self) -> str:
        line = f"line {self.line}" if self.line else ""
        where = ", ".join(part for part in (self.field, line) if part)
        said = f"{where}: {self.problem}" if where else self.problem
        return capital(said)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Mark:
    """One piece of Liquid: an output, a tag, a raw block or a comment, with its place in the source.

    `text` is what is written there; of a raw block `inner` is what it protects.
    """

    kind: str
    name: str
    text: str
    start: int
    inner: str = ""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def shown(self) -> str:
        """The mark as it may stand in a sentence."""
        text = " ".join(self.text.split())
        return text if len(text) <= 60 else f"{text[:57]}…"


def error_at(source: str, index: int, problem: str) -> TemplateError:
    """A TemplateError that points to the character at `index`."""
    line_start = source.rfind("\n", 0, index) + 1
    return TemplateError(problem, source.count("\n", 0, index) + 1, index - line_start + 1)


def scan(source: str) -> list[Mark]:
    """The marks of `source` in their order, comments as one mark each. Raises TemplateError."""
    _check_whole(source)
    marks: list[Mark] = []
    depth = start = 0
    for mark in _each(source):
        if mark.name == "comment":
            start = start if depth else mark.start
            depth += 1
        elif depth and mark.name == "endcomment":
            depth -= 1
            if not depth:
                marks.append(Mark("comment", "comment", source[start : mark.end], start))
        elif not depth:
            marks.append(mark)
    if depth:
        raise error_at(source, start, "{% comment %} is never closed; add {% endcomment %}.")
    return marks


def check_tags(source: str, marks: list[Mark]) -> None:
    """Refuse tags that do not exist here, are not closed, or stand where they mean nothing."""
    stack: list[Mark] = []
    for mark in marks:
        if mark.kind != "tag":
            continue
        problem = _tag_problem(mark.name, [one.name for one in stack])
        if problem:
            raise error_at(source, mark.start, problem)
        if mark.name in BLOCKS:
            stack.append(mark)
        elif mark.name.startswith("end"):
            stack.pop()
    if stack:
        name = stack[-1].name
        raise error_at(source, stack[-1].start, f"{{% {name} %}} is never closed; add {{% end{name} %}}.")


def _check_whole(source: str) -> None:
    bad = UNSENDABLE.search(source)
    if bad:
        raise error_at(source, bad.start(), "there is a character that no mail can carry; delete it.")
    if len(source.encode()) > MAX_SOURCE_BYTES:
        raise TemplateError("it is longer than 256 KB; shorten it, and keep pictures out of the text.")


def _each(source: str) -> Iterator[Mark]:
    at = count = 0
    while found := OPENING.search(source, at):
        mark = _mark_at(source, found.start())
        count += 1
        if count > MAX_MARKS:
            raise error_at(source, mark.start, f"there are more than {MAX_MARKS:,} Liquid tags; use fewer.")
        yield mark
        at = mark.end


def _mark_at(source: str, start: int) -> Mark:
    opening = source[start : start + 2]
    closing = "}}" if opening == "{{" else "%}"
    end = source.find(closing, start + 2)
    inner = source[start + 2 : end]
    if end < 0 or OPENING.search(inner):
        raise error_at(source, start, f"{opening} is never closed; add {closing}.")
    if len(inner) > MAX_MARK_LENGTH:
        raise error_at(source, start, f"{opening} … {closing} is longer than {MAX_MARK_LENGTH:,} characters.")
    if not inner.strip("- \t\r\n\f\v"):
        raise error_at(source, start, f"{opening} {closing} is empty; write something into it or delete it.")
    text = source[start : end + 2]
    return Mark("output", "", text, start) if opening == "{{" else _tag_at(source, text, start)


def _tag_at(source: str, text: str, start: int) -> Mark:
    named = TAG_NAME.match(text)
    if not named:
        raise error_at(source, start, "{% … %} must begin with the name of a tag, such as if or for.")
    name = named.group(1)
    if name == "#":
        return Mark("comment", "#", text, start)
    if not RAW.fullmatch(text):
        return Mark("tag", name, text, start)
    closed = ENDRAW.search(source, start + len(text))
    if not closed:
        raise error_at(source, start, "{% raw %} is never closed; add {% endraw %}.")
    inner = source[start + len(text) : closed.start()]
    return Mark("raw", "raw", source[start : closed.end()], start, inner)


def _tag_problem(name: str, open_names: list[str]) -> str:
    inside = open_names[-1] if open_names else ""
    if name.startswith("end") and name[3:] in BLOCKS:
        if name[3:] == inside:
            return ""
        if inside:
            return f"{{% {name} %}} stands where {{% {inside} %}} must be closed first, by {{% end{inside} %}}."
        return f"{{% {name} %}} closes nothing; there is no open {{% {name[3:]} %}} before it."
    if name in MIDDLES and inside not in MIDDLES[name]:
        return f"{{% {name} %}} stands outside of {{% {MIDDLES[name][0]} %}}."
    if name in ("break", "continue") and "for" not in open_names:
        return f"{{% {name} %}} stands outside of {{% for %}}."
    if name in BLOCKS and len(open_names) >= MAX_NESTING:
        return f"tags lie within each other more than {MAX_NESTING} deep."
    return "" if name in BLOCKS | SINGLES | MIDDLES.keys() else _unknown_tag(name)


def _unknown_tag(name: str) -> str:
    near = get_close_matches(name, TAGS, 1)
    hint = f"did you mean {{% {near[0]} %}}?" if near else "see the list of tags in the help."
    return f"the tag {{% {name[:40]} %}} does not exist here; {hint}"
