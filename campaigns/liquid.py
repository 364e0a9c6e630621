"""Marketers' templates: Liquid in a sandbox that sees plain values only and always comes to an end.

`parse` refuses what cannot work, `Template.render` writes one contact's text, `variables` tells what a
source reads.
"""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from uuid import UUID

from liquid import Node
from liquid.ast import BlockNode
from liquid.builtin.expressions import Filter, FilteredExpression, KeywordArgument, Path
from liquid.builtin.expressions.logical import EqExpression, NeExpression
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.exceptions import LiquidError, LiquidTypeError, OutputStreamLimitError
from liquid.expression import Expression

from campaigns.liquid_filters import FILTERS, RenderFailed
from campaigns.liquid_sandbox import (
    Aborted,
    Absent,
    BoundTemplate,
    Context,
    Missing,
    OnMissing,
    OutputNode,
    Sandbox,
)
from campaigns.liquid_source import Mark, TemplateError, check_tags, error_at, scan

__all__ = [
    "Aborted",
    "Missing",
    "OnMissing",
    "RenderFailed",
    "Template",
    "TemplateError",
    "Variable",
    "parse",
    "parse_in",
]

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Variable:
    """One use of a variable that comes from outside the template.

    `printed` is true in an output; `has_default` is true where a missing value cannot fail the message,
    because a default follows or because it is only tested. `field` is "HTML", "Text", … of an e-mail.
    """

    path: str
    line: int
    has_default: bool
    printed: bool
    field: str = ""


HTML = Sandbox(html=True)
TEXT = Sandbox(html=False)


@dataclass(frozen=True)
class Template:
    """A parsed source, to be rendered any number of times, by any number of threads."""

    bound: BoundTemplate

    def render(self, context: dict[str, Any], on_missing: OnMissing = "fail", extras: Any = None) -> str:
        """The text for one contact. `context` holds plain values only; see `plain`.

        Raises Missing and RenderFailed where the message cannot be written, Aborted where it shall not be.
        """
        return self.render_plain(plain(context), on_missing, extras)

    def render_plain(self, values: Any, on_missing: OnMissing, extras: Any = None) -> str:
        """As `render`, for values that `plain` has returned."""
        context = Context(self.bound, globals=values)
        context.on_missing = on_missing
        context.extras = extras
        buffer = self.bound._get_buffer()
        try:
            self.bound.render_with_context(context, buffer)
        except (RenderFailed, Aborted):
            raise
        except Exception as error:
            raise RenderFailed(_sentence_of(error)) from error
        written = buffer.getvalue()
        return written.replace("\0", "") if "\0" in written else written


def parse(source: str, *, html: bool) -> Template:
    """Parse a marketer's source; `html` escapes what it prints. Raises TemplateError with line and column."""
    return parse_in(HTML if html else TEXT, source)


@lru_cache(maxsize=128)
def parse_in(environment: Sandbox, source: str) -> Template:
    """As `parse`, in a sandbox that prints in a way of its own."""
    marks = scan(source)
    check_tags(source, marks)
    try:
        bound = environment.from_string(source)
    except (LiquidError, RecursionError) as error:
        raise _unreadable(environment, source, marks) from error
    for used in _filters(bound.nodes):
        _check_filter(source, used)
    return prepared(bound)


def prepared(bound: Any) -> Template:
    """A template that an environment has parsed, made ready; for sources that are known to be right."""
    _let_missing_be_blank(bound.nodes)
    return Template(bound)


def variables(source: str) -> list[Variable]:
    """Every use of a variable from outside, in the order of the source. Raises TemplateError."""
    found: list[tuple[int, Variable]] = []
    for expression, local, printed, safe in _expressions(parse(source, html=False).bound.nodes, set()):
        for path, guarded in _paths(expression, safe):
            if path.path[0] not in local:
                at = path.token.start_index
                line = source.count("\n", 0, at) + 1
                found.append((at, Variable(str(path), line, guarded, printed)))
    return [variable for _, variable in sorted(found, key=lambda pair: pair[0])]


def plain(value: object, depth: int = 0) -> Any:
    """A copy of `value` out of plain types, so that no template ever meets an object of ours.

    Takes dict, list, tuple, text, numbers, bool, None, date, datetime, Decimal, UUID; raises RenderFailed.
    """
    kind = type(value)
    if kind in (str, int, float, bool, type(None), datetime, date):
        return value
    if depth > MAX_DEPTH:
        raise RenderFailed(f"The values of this contact are nested more than {MAX_DEPTH} deep.")
    if kind is dict:
        return {str(key): plain(item, depth + 1) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind in (list, tuple):
        return [plain(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, UUID):
        return str(value)
    raise RenderFailed(f"A value of the kind {kind.__name__} cannot be used in a template.")


def _sentence_of(error: Exception) -> str:
    if isinstance(error, OutputStreamLimitError):
        return "The message grew beyond 1 MB."
    if isinstance(error, LiquidTypeError):
        return "A condition or a loop is given a value of the wrong kind, such as text where a number belongs."
    if isinstance(error, UnicodeEncodeError):
        return "A value of this contact holds a character that no mail can carry."
    return "The template cannot be worked out for this contact; simplify it."


def _unreadable(environment: Sandbox, source: str, marks: list[Mark]) -> TemplateError:
    """Which mark it is that cannot be parsed; the parser itself often knows no place."""
    for mark in marks:
        try:
            environment.from_string(_alone(mark))
        except (LiquidError, RecursionError):
            return error_at(source, mark.start, f"{mark.shown} cannot be read; {_hint(mark.text)}")
    return TemplateError("the template cannot be read; check its tags.")


def _alone(mark: Mark) -> str:
    text = mark.text
    if mark.kind == "tag":
        if mark.name in ("else", "break", "continue") or mark.name.startswith("end"):
            return ""
        if mark.name == "elsif":
            return "{% if true %}" + text + "{% endif %}"
        if mark.name == "when":
            return "{% case 1 %}" + text + "{% endcase %}"
        if mark.name not in ("assign", "abort"):
            return text + "{% end" + mark.name + " %}"
    return text


def _hint(text: str) -> str:
    if any(quote in text for quote in "“”„‘’"):
        return "use straight quotation marks."
    if text.count('"') % 2 or text.count("'") % 2:
        return "a quotation mark is missing."
    if text.startswith("{%") and " = " in text and "assign" not in text:
        return "write == to compare."
    return "check the spelling; names hold no spaces, and texts stand in quotation marks."


def _walk(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children(None))  # type: ignore[arg-type]


class _OrEmpty(Expression):
    """Stands for a value that is compared with `blank` or `empty`: a missing one is both."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression):
        super().__init__(inner.token)
        self.inner = inner

    def evaluate(self, context: Any) -> object:
        value = self.inner.evaluate(context)
        return "" if isinstance(value, Absent) else value

    def children(self) -> list[Expression]:
        return [self.inner]


def _let_missing_be_blank(nodes: Iterable[Node]) -> None:
    pending = [expression for node in _walk(nodes) for expression in node.expressions()]
    while pending:
        expression = pending.pop()
        if isinstance(expression, EqExpression | NeExpression) and isinstance(expression.right, Blank | Empty):
            expression.left = _OrEmpty(expression.left)
        pending.extend(expression.children())


def _filters(nodes: Iterable[Node]) -> Iterator[Filter]:
    for node in _walk(nodes):
        for expression in node.expressions():
            if isinstance(expression, FilteredExpression):
                yield from expression.filters or []


def _check_filter(source: str, used: Filter) -> None:
    function = FILTERS.get(used.name)
    if function is None:
        near = get_close_matches(used.name, FILTERS, 1)
        hint = f"did you mean {near[0]}?" if near else "see the list of filters in the help."
        problem = f"the filter {used.name[:40]} does not exist here; {hint}"
        raise error_at(source, used.token.start_index, problem)
    given = [argument for argument in used.args if not isinstance(argument, KeywordArgument)]
    named = {argument.name: None for argument in used.args if isinstance(argument, KeywordArgument)}
    provided = {name: None for name in ("environment", "context") if hasattr(function, f"with_{name}")}
    try:
        inspect.signature(function).bind(None, *given, **named, **provided)
    except TypeError:
        problem = f'the filter {used.name} is given the wrong number of values; write | {used.name}: "…"'
        raise error_at(source, used.token.start_index, problem) from None


def _expressions(nodes: Iterable[Node], local: set[str]) -> Iterator[tuple[Any, set[str], bool, bool]]:
    """Each expression, the names the template has set so far, whether it is printed, whether only tested."""
    for node in nodes:
        printed = isinstance(node, OutputNode)
        safe = not (printed or isinstance(node, AssignNode))
        for expression in node.expressions():
            yield expression, set(local), printed, safe
        local.update(node.template_scope())
        inner = local if isinstance(node, BlockNode) else local | set(node.block_scope())
        yield from _expressions(node.children(None), inner)  # type: ignore[arg-type]
        local.update(inner - set(node.block_scope()))


def _paths(expression: Any, safe: bool) -> Iterator[tuple[Path, bool]]:
    if isinstance(expression, Path):
        yield expression, safe
    if not isinstance(expression, FilteredExpression):
        for child in expression.children():
            yield from _paths(child, safe)
        return
    used = expression.filters or []
    last = max((place for place, one in enumerate(used) if one.name == "default"), default=-1)
    yield from _paths(expression.left, safe or last >= 0)
    for place, one in enumerate(used):
        for child in one.children():
            yield from _paths(child, safe or place < last)
