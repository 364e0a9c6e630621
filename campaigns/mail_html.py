"""The HTML of an e-mail, made ready when it is saved: styles in the elements, links found, tags placed."""

import re
from html import escape

import css_inline

from campaigns.links import UNTRACKED, WEB, cleaned, is_safe, scheme
from campaigns.liquid_source import TemplateError, scan
from campaigns.markup import (
    ATTRIBUTE,
    TAG,
    VOID,
    BrokenMarkup,
    Piece,
    check_size,
    is_exact,
    names,
    pieces,
    quoted,
)
from campaigns.masking import Masks
from campaigns.plain_text import written_plain

MAX_COMPILED_BYTES = 1024 * 1024

FORBIDDEN = names(
    "script noscript iframe frame frameset object embed applet base svg math template plaintext xmp noembed noframes"
)
URLS = names("href src action formaction background poster cite data xlink:href")
ROOT_OF_OUTPUT = re.compile(r"\{\{-?\s*(\w+)")
PREHEADER = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}</div>'

INLINER = css_inline.CSSInliner(
    keep_style_tags=True, keep_link_tags=True, keep_at_rules=True, load_remote_stylesheets=False
)


class MailHtml:
    """One HTML source on its way; `links` grows by the URLs found, `warnings` by what is only unwise."""

    def __init__(self, source: str, links: list[str]):
        self.masks = Masks(source)
        self.links = links
        self.warnings: list[str] = []
        self.parts = self._parsed()
        self._check_places()

    def text(self) -> str:
        """The same as plain text, still Liquid."""
        return written_plain(self.parts, self.masks)

    def html(self, preheader: str) -> str:
        """The compiled HTML: Liquid with the tags of `links`. Raises TemplateError."""
        written = [self._written(part) for part in self.parts]
        kinds = [(part.kind, part.name) for part in self.parts]
        written[kinds.index(("start", "head"))] += self._missing_meta()
        body, end = kinds.index(("start", "body")), kinds.index(("end", "body"))
        if preheader.strip():
            written[body] += PREHEADER.format(_escaped_around_marks(preheader))
        written[end] = "{% pixel %}" + written[end]
        compiled = self.masks.unmasked("".join(written))
        if len(compiled.encode()) > MAX_COMPILED_BYTES:
            raise TemplateError("it grew beyond 1 MB with its styles in the elements; use fewer styles.")
        return compiled

    def _parsed(self) -> list[Piece]:
        masked = self.masks.masked()
        try:
            check_size(masked)
            whole = _document([(part.name, self._placed(part, masked)) for part in pieces(masked)])
            return list(pieces(INLINER.inline(self._with_tbody(whole))))
        except BrokenMarkup as broken:
            raise self.masks.error_in_masked(masked, broken.index, broken.problem) from None
        except css_inline.InlineError:
            raise TemplateError("its styles cannot be read; check the CSS in <style>.") from None

    def _placed(self, part: Piece, masked: str) -> str:
        """A piece of the source with every mark where a parser leaves it alone."""
        if part.kind == "text":
            return self.masks.in_comments(part.text)
        if part.kind == "raw" and part.name == "style":
            self._refuse_tags_in_style(part)
        if part.kind not in ("start", "end"):
            return part.text
        between = ATTRIBUTE.sub(r"\1", part.text)
        for number in self.masks.words(part.name + between):
            shown = self.masks.mark(number).shown
            problem = f"{shown} stands inside of an HTML tag; put it between the quotes of an attribute."
            raise self.masks.error(number, problem)
        return self._with_own_style(part)

    def _refuse_tags_in_style(self, part: Piece) -> None:
        for number in self.masks.words(part.text):
            if self.masks.mark(number).kind == "tag":
                problem = f"{self.masks.mark(number).shown} cannot be used inside of <style>."
                raise self.masks.error(number, problem)

    def _with_own_style(self, part: Piece) -> str:
        """Style attributes stay out of the inliner's hands: it refuses what is no CSS, such as Liquid."""
        found = TAG.fullmatch(part.text)
        if part.kind != "start" or not found or "style" not in part.text.lower():
            return part.text
        start, end = found.span(2)
        renamed = ATTRIBUTE.sub(
            lambda one: self.masks.own_style + one.group()[5:] if one.group(1).lower() == "style" else one.group(),
            found.group(2),
        )
        return part.text[:start] + renamed + part.text[end:]

    def _with_tbody(self, html: str) -> str:
        """Rows in a loop get the <tbody> that a parser would open after the loop's first tag."""
        rows = re.compile(
            rf"(<table\b[^>]*>|</thead>|</caption>|</colgroup>)"
            rf"((?:\s*<!--{self.masks.prefix}\d+y-->)+)(?=\s*<tr\b)",
            re.IGNORECASE,
        )
        return rows.sub(r"\1<tbody>\2", html)

    def _check_places(self) -> None:
        """Every mark must have come through, and the tags of a block must lie in the same element."""
        places = self._places()
        for number in self.masks.hidden_numbers():
            if number not in places:
                problem = f"{self.masks.mark(number).shown} stands where no mail program looks; move it."
                raise self.masks.error(number, problem)
        for group in self.masks.groups():
            for number in group[1:]:
                if places[number] != places[group[0]]:
                    first, shown = self.masks.mark(group[0]).shown, self.masks.mark(number).shown
                    problem = f"{first} and {shown} must lie in the same element, around whole elements."
                    raise self.masks.error(group[0], problem)

    def _places(self) -> dict[int, tuple[int, str]]:
        """For each mark the element (or the attribute of one) in which it lies."""
        places: dict[int, tuple[int, str]] = {}
        stack = [-1]
        for index, part in enumerate(self.parts):
            alone = self.masks.comment.fullmatch(part.text)
            if alone:
                places.setdefault(int(alone.group(1)), (stack[-1], ""))
            elif part.kind == "start":
                self._check_element(part)
                for name, value in part.attributes():
                    for number in self.masks.words(value):
                        places.setdefault(number, (index, name))
                if part.name not in VOID:
                    stack.append(index)
            elif part.kind == "end":
                stack.pop()
            else:
                for number in self.masks.words(part.text):
                    places.setdefault(number, (index, part.kind))
        return places

    def _check_element(self, part: Piece) -> None:
        if part.name in FORBIDDEN:
            problem = f"<{part.name}> does not work in e-mail; remove it."
            raise self.masks.error_near(f"<{part.name}", problem)
        if not is_exact(part.text):
            raise self.masks.error_near(f"<{part.name}", f"a <{part.name}> has a misspelt attribute.")
        for name, value in part.attributes():
            if name.startswith("on"):
                raise self.masks.error_near(name, f"the attribute {name} does not work in e-mail; remove it.")
            if name == "http-equiv" and value.strip().lower() == "refresh":
                raise self.masks.error_near("http-equiv", "a mail cannot lead on by itself; remove it.")

    def _written(self, part: Piece) -> str:
        if part.kind == "start":
            return self._tag(part)
        if part.kind == "comment" or part.name == "style":
            # CSS or what Outlook reads: no place for entities.
            return part.text.replace("{{", "{ {").replace("{%", "{ %")
        return part.text.replace("{", "&#123;")

    def _tag(self, part: Piece) -> str:
        attributes = dict(part.attributes())
        own = attributes.pop(self.masks.own_style, None)
        if own is not None:
            inlined = attributes.get("style", "").strip().rstrip(";")
            attributes["style"] = f"{inlined};{own}" if inlined else own
        written = [f'{name}="{self._value(part, name, value)}"' for name, value in attributes.items()]
        return f"<{' '.join([part.name, *written])}>"

    def _value(self, part: Piece, name: str, value: str) -> str:
        if name not in URLS:
            return quoted(value)
        followed = name == "href" and part.name in ("a", "area")
        if self.masks.words(value):
            return self._liquid_url(value, followed)
        url = cleaned(value)
        if not is_safe(url):
            problem = f"the address {url[:60]} cannot be used; begin it with https://, mailto: or tel:."
            raise self.masks.error_near(url[:20], problem)
        if followed and scheme(url) in WEB:
            return f"{{% link {self._index(url)} %}}"
        if followed and url and not scheme(url) and not url.startswith("#"):
            self.warnings.append(f"HTML: the link {url[:60]} leads nowhere; begin it with https://.")
        return quoted(value)

    def _liquid_url(self, value: str, followed: bool) -> str:
        first = self.masks.words(value)[0]
        if not is_safe(cleaned(self.masks.word.split(value)[0])):
            problem = "an address must begin with https://, mailto: or tel:, or with a Liquid output."
            raise self.masks.error(first, problem)
        roots = (ROOT_OF_OUTPUT.match(self.masks.mark(number).text) for number in self.masks.words(value))
        own = any(root and root.group(1) in UNTRACKED for root in roots)
        tag = "href" if followed and not own else "url"
        return f"{{% {tag} %}}{quoted(value)}{{% end{tag} %}}"

    def _index(self, url: str) -> int:
        """The place of `url` in the list, which it keeps for ever: mails already sent refer to it."""
        if url not in self.links:
            self.links.append(url)
        return self.links.index(url)

    def _missing_meta(self) -> str:
        metas = [dict(part.attributes()) for part in self.parts if (part.kind, part.name) == ("start", "meta")]
        kinds = {meta.get("http-equiv", "").lower() for meta in metas}
        missing = ""
        if not any("charset" in meta for meta in metas) and "content-type" not in kinds:
            missing += '<meta charset="utf-8">'
        if not any(meta.get("name", "").lower() == "viewport" for meta in metas):
            missing += '<meta name="viewport" content="width=device-width, initial-scale=1">'
        return missing


def _document(named: list[tuple[str, str]]) -> str:
    """A whole document out of pieces, each with the name of its element."""
    html = "".join(text for _, text in named)
    if not any(name in ("html", "head", "body") for name, _ in named):
        # Gmail reads styles in the head only.
        head = "".join(text for name, text in named if name == "style")
        body = "".join(text for name, text in named if name != "style")
        html = f"<html><head>{head}</head><body>{body}</body></html>"
    return html if "<!doctype" in html.lower() else f"<!DOCTYPE html>{html}"


def _escaped_around_marks(text: str) -> str:
    parts, at = [], 0
    for mark in scan(text):
        parts += [escape(text[at : mark.start]), mark.text]
        at = mark.end
    return "".join(parts) + escape(text[at:])
