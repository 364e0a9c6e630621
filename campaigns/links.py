"""Links of an e-mail: which are safe, which are tracked, and the tags that write them at sending."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Any

from liquid import Node, Tag, TokenStream, escape
from liquid.parser import get_parser

from campaigns.liquid import RenderFailed, Template, prepared
from campaigns.liquid_sandbox import Sandbox

WEB = {"http", "https"}
SAFE = WEB | {"mailto", "tel", "sms", "cid"}
UNTRACKED = {"unsubscribe_url", "confirm_url"}
MAX_URL = 4_000
MAX_FOUND = 1_000

IGNORED = re.compile(r"[\t\r\n]")
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):")


@dataclass
class Tracking:
    """What the links of one message need: `click` and `pixel` are its own URLs, `urls` the template's list.

    `found` collects the links that only exist in this message.
    """

    click: str
    pixel: str
    urls: list[str]
    tracked: bool
    found: list[str] = field(default_factory=list)


def cleaned(url: str) -> str:
    """`url` as a browser reads it: without line breaks, control characters and spaces around it."""
    return IGNORED.sub("", url).strip("".join(map(chr, range(33))))


def scheme(url: str) -> str:
    """The scheme of a cleaned URL in lower case; empty for a relative one."""
    found = SCHEME.match(url)
    return found.group(1).lower() if found else ""


def is_safe(url: str) -> bool:
    return scheme(url) in SAFE | {""}


class LinkNode(Node):
    """A link of the template's own list."""

    __slots__ = ("index",)

    def __init__(self, token: Any, index: int):
        super().__init__(token)
        self.index = index
        self.blank = False

    def render_to_output(self, context: Any, buffer: Any) -> int:
        tracking: Tracking = context.extras
        url = f"{tracking.click}{self.index}" if tracking.tracked else tracking.urls[self.index]
        return buffer.write(escape(url))


class LinkTag(Tag):
    name = "link"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = next(stream)
        return LinkNode(token, int(stream.current.value))


class UrlNode(Node):
    """A URL only known at sending. Its block is HTML, so it is unescaped, checked and escaped again."""

    __slots__ = ("block",)

    def __init__(self, token: Any, block: Any):
        super().__init__(token)
        self.block = block
        self.blank = False

    def render_to_output(self, context: Any, buffer: Any) -> int:
        inner = context.get_buffer(buffer)
        self.block.render(context, inner)
        url = cleaned(unescape(inner.getvalue()))
        if len(url) > MAX_URL:
            raise RenderFailed(f"A link is longer than {MAX_URL:,} characters.")
        return buffer.write(escape(self.written(url, context.extras) if is_safe(url) else "#"))

    def written(self, url: str, tracking: Tracking) -> str:
        return url

    def children(self, static_context: Any, *, include_partials: bool = True) -> list[Node]:
        return [self.block]


class HrefNode(UrlNode):
    """The same for a link that is tracked."""

    def written(self, url: str, tracking: Tracking) -> str:
        if not tracking.tracked or scheme(url) not in WEB:
            return url
        if len(tracking.found) >= MAX_FOUND:
            raise RenderFailed(f"The message has more than {MAX_FOUND:,} links.")
        tracking.found.append(url)
        return f"{tracking.click}d{len(tracking.found) - 1}"


class UrlTag(Tag):
    name = "url"
    end = "endurl"
    node_class: type[UrlNode] = UrlNode

    def parse(self, stream: TokenStream) -> Node:
        token = next(stream)
        block = get_parser(self.env).parse_block(stream, (self.end,))
        return self.node_class(token, block)


class HrefTag(UrlTag):
    name = "href"
    end = "endhref"
    node_class = HrefNode


class PixelNode(Node):
    """The picture that tells of an opening; nothing where the contact is not tracked."""

    def __init__(self, token: Any):
        super().__init__(token)
        self.blank = False

    def render_to_output(self, context: Any, buffer: Any) -> int:
        tracking: Tracking = context.extras
        if not tracking.tracked:
            return 0
        style = "display:block;width:1px;height:1px;border:0"
        source = escape(tracking.pixel)
        return buffer.write(f'<img src="{source}" width="1" height="1" alt="" style="{style}">')


class PixelTag(Tag):
    name = "pixel"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        return PixelNode(stream.current)


class CompiledSandbox(Sandbox):
    """Where compiled HTML is parsed: the tags above exist here only, no marketer can write them."""

    block_nesting_limit = Sandbox.block_nesting_limit + 2


COMPILED = CompiledSandbox(html=True, more_tags=(LinkTag, UrlTag, HrefTag, PixelTag))


@lru_cache(maxsize=128)
def parse_compiled(source: str) -> Template:
    """The template of HTML that `compiling` has written."""
    return prepared(COMPILED.from_string(source))
