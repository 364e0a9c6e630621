"""Liquid hidden from HTML tools: every mark becomes a word that they carry through, and comes back after.

Between elements the word stands in a comment, the one thing that parsers never move (text directly inside a
table would be put in front of it).
"""

import re

from campaigns.liquid_source import BLOCKS, MIDDLES, Mark, TemplateError, error_at, scan


class Masks:
    """The marks of one source and the words that stand for them."""

    def __init__(self, source: str):
        self.source = source
        self.marks = scan(source)
        self.prefix = "lqm"
        while self.prefix in source.lower():
            self.prefix += "q"
        self.own_style = f"{self.prefix}-style"
        self.word = re.compile(rf"{self.prefix}(\d+)x")
        self.comment = re.compile(rf"<!--{self.prefix}(\d+)y-->")

    def masked(self) -> str:
        """The source with a word for every mark; what {% raw %} protects stands as it is."""
        parts, at = [], 0
        for number, mark in enumerate(self.marks):
            hidden = mark.inner if mark.kind == "raw" else f"{self.prefix}{number}x"
            parts += [self.source[at : mark.start], hidden]
            at = mark.end
        return "".join(parts) + self.source[at:]

    def in_comments(self, text: str) -> str:
        """Each word of `text` in a comment of its own."""
        return self.word.sub(rf"<!--{self.prefix}\1y-->", text)

    def unmasked(self, text: str) -> str:
        """`text` with the marks back in their places; Liquid comments are gone."""
        text = self.comment.sub(lambda found: self._written(int(found.group(1))), text)
        return self.word.sub(lambda found: self._written(int(found.group(1))), text)

    def words(self, text: str) -> list[int]:
        """The numbers of the marks in `text`, of words that stand in no comment of their own."""
        return [int(number) for number in self.word.findall(text)]

    def hidden_numbers(self) -> list[int]:
        return [number for number, mark in enumerate(self.marks) if mark.kind != "raw"]

    def groups(self) -> list[list[int]]:
        """For each block the numbers of its tags: {% if %}, its {% else %}, its {% endif %}."""
        groups: list[list[int]] = []
        stack: list[list[int]] = []
        for number, mark in enumerate(self.marks):
            if mark.kind != "tag":
                continue
            if mark.name in BLOCKS:
                stack.append([number])
                groups.append(stack[-1])
            elif mark.name in MIDDLES:
                stack[-1].append(number)
            elif mark.name.startswith("end"):
                stack.pop().append(number)
        return groups

    def mark(self, number: int) -> Mark:
        return self.marks[number]

    def error(self, number: int, problem: str) -> TemplateError:
        """A TemplateError that points to a mark."""
        return error_at(self.source, self.marks[number].start, problem)

    def error_in_masked(self, masked: str, index: int | None, problem: str) -> TemplateError:
        """A TemplateError that points to a place in the masked source."""
        if index is None:
            return TemplateError(problem)
        before = self.word.sub(lambda found: self.marks[int(found.group(1))].text, masked[:index])
        return error_at(before, len(before), self.word.sub("{{ … }}", problem))

    def error_near(self, text: str, problem: str) -> TemplateError:
        """A TemplateError that points to where `text` is written first, if it is."""
        index = self.source.lower().find(text.lower())
        return error_at(self.source, index, problem) if index >= 0 else TemplateError(problem)

    def _written(self, number: int) -> str:
        mark = self.marks[number]
        return "" if mark.kind == "comment" else mark.text
