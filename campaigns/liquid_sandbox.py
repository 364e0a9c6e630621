"""The sandbox in which marketers' templates run: what exists there, and how much of it may be used."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, tzinfo
from time import monotonic
from typing import Any, Literal
from zoneinfo import ZoneInfo

import liquid
from liquid import Markup, Node, Tag, Token, TokenStream
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression, tokenize
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidSyntaxError
from liquid.parser import get_parser
from liquid.token import TOKEN_DOT, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_WORD
from liquid.undefined import Undefined
from liquid.utils import ReadOnlyChainMap

from campaigns.liquid_filters import FILTERS, RenderFailed, as_moment, weigh
from campaigns.liquid_source import MAX_NESTING

MAX_OUTPUT_BYTES = 1024 * 1024
MAX_LOCALS = 4_000_000
MAX_TURNS = 10_000
SECONDS = 2.0

OnMissing = Literal["fail", "blank", "skip"]


class Missing(RenderFailed):
    """A variable without a value is to be printed; `variable` is its path."""

    def __init__(self, variable: str):
        super().__init__(f'`{variable}` has no value for this contact; add | default: "…" or fill it in.')
        self.variable = variable


class Aborted(Exception):
    """The template itself decided that this message is not to be sent; `reason` says why."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Absent(Undefined):
    """A missing value: false when tested, taken by `default`, never printed. `name` is its whole path."""

    __slots__ = ()

    def __str__(self) -> str:
        raise Missing(self.name)


SPECIAL = {"size", "first", "last"}  # which the library answers also where there is no such key


class Context(liquid.RenderContext):
    """What one rendering knows and how much it has used up. `extras` serves tags that other modules add."""

    __slots__ = ("deadline", "extras", "on_missing", "turns", "weights")

    def __init__(self, template: Any, *, globals: Any = None, **kwargs: Any):  # noqa: A002
        super().__init__(template, globals=globals, **kwargs)
        # Without the library's `now` and `today`: the time is given by the caller.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        self.deadline = monotonic() + SECONDS
        self.turns = 0
        self.weights: dict[str, int] = {}
        self.on_missing: OnMissing = "fail"
        self.extras: Any = None

    def tick(self) -> None:
        if monotonic() > self.deadline:
            raise RenderFailed(f"The template took longer than {SECONDS:.0f} seconds; simplify its loops.")

    def get(self, path: list[Any], *, token: Any, default: object = None) -> object:
        self.tick()
        try:
            value = self.scope[path[0]]
            for segment in path[1:]:
                by_key = type(value) is dict and segment not in SPECIAL
                value = value[segment] if by_key else self.get_item(value, segment)  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            value = None
        return Absent(_dotted(path), token=token) if value is None else value

    def assign(self, key: str, val: Any) -> None:
        self.tick()
        self.weights[key] = weigh(val)
        if sum(self.weights.values()) > MAX_LOCALS:
            raise RenderFailed("The variables of the template grew beyond 4 MB.")
        self.locals[key] = val

    def loop(self, namespace: Any, forloop: Any) -> Any:
        self.turns += forloop.length
        if self.turns > MAX_TURNS:
            raise RenderFailed(f"The loops of the template run more than {MAX_TURNS:,} times.")
        forloop.it = self._turn_by_turn(forloop.it)
        return super().loop(namespace, forloop)

    def _turn_by_turn(self, items: Iterator[object]) -> Iterator[object]:
        for item in items:
            self.tick()
            yield item

    def now(self) -> object:
        value = self.get(["now"], token=None)
        if isinstance(value, Undefined):
            raise Missing("now")
        return value

    def zone(self) -> tzinfo:
        """The contact's time zone, else the site's, else UTC."""
        for owner in ("contact", "site"):
            found = self.get([owner, "timezone"], token=None)
            if isinstance(found, str):
                try:
                    return ZoneInfo(found)
                except (ValueError, OSError, KeyError):
                    continue
        return UTC

    def text(self, value: object, shown: object = "this") -> str:
        """`value` as it is printed: Markup stays Markup, all else is to be escaped by the caller."""
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, Undefined):
            return self._text_of_missing(value.name if isinstance(value, Undefined) else str(shown))
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return str(value)
        if isinstance(value, date):
            moment = as_moment(value, self.zone())
            return moment.strftime("%Y-%m-%d %H:%M" if isinstance(value, datetime) else "%Y-%m-%d")
        if isinstance(value, list):
            weigh(value)
            items = ["" if item is None else self.text(item, shown) for item in value]
            return Markup(", ").join(items) if self.autoescape else ", ".join(items)
        if isinstance(value, range):
            return f"{value.start}..{value.stop - 1}"
        raise RenderFailed(f"`{shown}` holds several values; name the one to print, such as `{shown}.name`.")

    def _text_of_missing(self, name: str) -> str:
        if self.on_missing == "skip":
            raise Aborted(f"`{name}` has no value for this contact.")
        if self.on_missing == "blank":
            return ""
        raise Missing(name)


class BoundTemplate(liquid.BoundTemplate):
    context_class = Context


def _words_after_dots(expression: Token) -> Iterator[Token]:
    """Keywords are names behind a dot: a contact may have a `limit`, an event may be `empty`."""
    after_dot = False
    for token in tokenize(expression.value, expression):
        yield token._replace(kind=TOKEN_WORD) if after_dot and token.value.isidentifier() else token
        after_dot = token.kind == TOKEN_DOT


class SandboxStream(TokenStream):
    def into_inner(self, *, tag: Token | None = None, eat: bool = True) -> TokenStream:
        if self.current.kind != TOKEN_EXPRESSION:
            raise LiquidSyntaxError("missing expression", token=tag or self.current)
        expression = next(self) if eat else self.current
        return SandboxStream(_words_after_dots(expression))


class OutputNode(output.OutputNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        value = self.expression.evaluate(context)
        text = value if type(value) is str else context.text(value, self.expression)
        return buffer.write(liquid.escape(text) if context.autoescape else text)


class Output(output.Output):
    node_class = OutputNode

    def parse(self, stream: TokenStream) -> Any:
        token = stream.eat(TOKEN_OUTPUT)
        inner = SandboxStream(_words_after_dots(stream.expect(TOKEN_EXPRESSION)))
        return self.node_class(token, FilteredExpression.parse(self.env, inner))


class ForNode(for_tag.ForNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        # Before the library copies or reverses it.
        items = self.expression.iterable.evaluate(context)
        if isinstance(items, range) and items.start + MAX_TURNS < items.stop:
            raise RenderFailed(f"A loop runs more than {MAX_TURNS:,} times.")
        return super().render_to_output(context, buffer)


class ForTag(for_tag.ForTag):
    node_class = ForNode


class AbortNode(Node):
    __slots__ = ("expression",)

    def __init__(self, token: Any, expression: FilteredExpression | None):
        super().__init__(token)
        self.expression = expression

    def render_to_output(self, context: Any, buffer: Any) -> int:
        reason = context.text(self.expression.evaluate(context)) if self.expression else ""
        raise Aborted(str(reason) or "The template asked for it.")

    def expressions(self) -> Iterable[Any]:
        return [self.expression] if self.expression else []


class AbortTag(Tag):
    """`{% abort "reason" %}`: this contact gets no message."""

    name = "abort"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.current
        if stream.peek.kind != "expression":
            return AbortNode(token, None)
        next(stream)
        expression = FilteredExpression.parse(self.env, stream.into_inner(tag=token, eat=False))
        return AbortNode(token, expression)  # type: ignore[arg-type]


class Sandbox(liquid.Environment):
    """An environment with the allowed tags and filters only, and nothing to load other templates from."""

    template_class = BoundTemplate
    block_nesting_limit = MAX_NESTING
    output_stream_limit = MAX_OUTPUT_BYTES
    logical_not_operator = True
    TAGS: tuple[Any, ...] = (
        content.Literal,
        Output,
        illegal.Illegal,
        if_tag.IfTag,
        unless_tag.UnlessTag,
        case_tag.CaseTag,
        ForTag,
        for_tag.BreakTag,
        for_tag.ContinueTag,
        assign_tag.AssignTag,
        capture_tag.CaptureTag,
        comment_tag.CommentTag,
        inline_comment_tag.InlineCommentTag,
        AbortTag,
    )

    def __init__(self, *, html: bool, more_tags: tuple[Any, ...] = ()):
        self.more_tags = more_tags
        super().__init__(undefined=Absent, autoescape=html)

    def _parse(self, source: str) -> list[Node]:
        return get_parser(self).parse(SandboxStream(self.tokenizer()(source)))

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        self.filters.update(FILTERS)
        for tag in (*self.TAGS, *self.more_tags):
            self.add_tag(tag)


def _dotted(path: list[Any]) -> str:
    first, *rest = (segment.name if isinstance(segment, Undefined) else segment for segment in path)
    return str(first) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in rest)
