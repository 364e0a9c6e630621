"""E-mails compiled when they are saved and rendered when they are sent.

Everything that is the same for all recipients happens in `compile_email`; what `render_email` does for each
of them is Liquid and nothing else.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from typing import Any, TypeVar

from liquid.exceptions import LiquidError

from campaigns import liquid
from campaigns.links import Tracking, parse_compiled
from campaigns.liquid import OnMissing, RenderFailed, TemplateError, Variable
from campaigns.mail_html import MailHtml

LINKS = ("unsubscribe_url", "confirm_url")
KNOWN_ROOTS = ("contact", "event", "campaign", "site", "webhook", "now", *LINKS, "digest", "note")
MAX_SUBJECT_BYTES = 998
CLIPPED_FROM_BYTES = 102 * 1024

DEFAULT_FOOTER_HTML = """\
<p style="font-size:12px;color:#667085">
  {{ site.name }} · {{ site.postal_address }}<br>
  <a href="{{ unsubscribe_url }}">Unsubscribe</a>
</p>
"""
DEFAULT_FOOTER_TEXT = """\
--
{{ site.name }} · {{ site.postal_address }}
Unsubscribe: {{ unsubscribe_url }}
"""

LINE_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")

T = TypeVar("T")


@dataclass(frozen=True)
class CompiledEmail:
    """An e-mail ready to be rendered. `subject`, `html`, `text` are Liquid; `html` only for `render_email`.

    `links` are the tracked URLs; a URL never changes its place, because mails already sent refer to it.
    """

    subject: str
    html: str
    text: str
    links: list[str] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "CompiledEmail":
        return cls(**{**data, "variables": [Variable(**one) for one in data["variables"]]})


@dataclass(frozen=True)
class RenderedEmail:
    """What one contact is sent. `links` are the tracked URLs of this message alone, numbered d0, d1 …"""

    subject: str
    html: str
    text: str
    links: list[str]


def compile_email(
    *, subject: str, preheader: str = "", html: str, text: str = "", known_links: list[str]
) -> CompiledEmail:
    """Check and prepare an e-mail. Without `text` it is made from the HTML.

    Raises TemplateError, which names the field and, where it can, the line.
    """
    if not subject.strip():
        raise TemplateError("write what the mail is about.", field="Subject")
    if not html.strip() and not text.strip():
        raise TemplateError("write the mail, as HTML or as text.", field="HTML")
    sources = {"Subject": subject, "Preheader": preheader, "HTML": html, "Text": text}
    used = [variable for name, source in sources.items() for variable in _variables(name, source)]
    warnings = _unknown(used)
    compiled, links = "", list(known_links)
    if html.strip():
        page = _in_field("HTML", lambda: MailHtml(html, links))
        compiled = _in_field("HTML", lambda: _checked(page.html(preheader)))
        warnings += page.warnings + _too_large(compiled)
        text = text if text.strip() else _in_field("Text", lambda: _checked_text(page.text()))
    return CompiledEmail(subject, compiled, text, links, used, warnings)


def render_email(
    compiled: CompiledEmail,
    context: dict[str, Any],
    *,
    html_context: dict[str, str],
    tracked: bool,
    on_missing: OnMissing = "fail",
) -> RenderedEmail:
    """The e-mail for one contact.

    `context` holds contact, event, campaign, site and the links of the reader as plain values, and `now`, the time of
    sending. `html_context` holds `_click`, to which a link's number is appended, and `_pixel`; an untracked
    contact gets plain links and no pixel. Raises Missing, RenderFailed or Aborted.
    """
    values = liquid.plain(context)
    tracking = Tracking(html_context["_click"], html_context["_pixel"], compiled.links, tracked)
    subject = liquid.parse(compiled.subject, html=False).render_plain(values, on_missing)
    html = parse_compiled(compiled.html).render_plain(values, on_missing, tracking) if compiled.html else ""
    text = liquid.parse(compiled.text, html=False).render_plain(values, on_missing)
    return RenderedEmail(_one_line(subject), html, BLANK_LINES.sub("\n\n", text), tracking.found)


def check_marketing(html: str, text: str) -> list[str]:
    """What a marketing mail lacks by law, in sentences. An empty `text` is made from the HTML: no problem."""
    problems = []
    for name, source, footer in (("HTML", html, 'href="{{ unsubscribe_url }}"'), ("Text", text, "")):
        paths = {variable.path for variable in _variables(name, source) if variable.printed}
        if source.strip() and "unsubscribe_url" not in paths:
            shown = footer or "{{ unsubscribe_url }}"
            problems.append(f"{name}: a marketing mail needs a way to unsubscribe; add {shown}.")
    return problems


def _variables(name: str, source: str) -> list[Variable]:
    return [replace(one, field=name) for one in _in_field(name, lambda: liquid.variables(source))]


def _in_field(name: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except TemplateError as error:
        line = error.line if name in ("HTML", "Text") else None
        raise TemplateError(error.problem, line, error.column, name) from None


def _unknown(used: list[Variable]) -> list[str]:
    warnings = []
    for variable in used:
        root = re.split(r"[.\[]", variable.path, maxsplit=1)[0]
        if root not in KNOWN_ROOTS:
            near = get_close_matches(root, KNOWN_ROOTS, 1)
            hint = f"did you mean {near[0]}?" if near else f"values begin with {', '.join(KNOWN_ROOTS[:4])}."
            line = f", line {variable.line}" if variable.field in ("HTML", "Text") else ""
            warnings.append(f"{variable.field}{line}: `{variable.path}` is not known; {hint}")
    return warnings


def _too_large(compiled: str) -> list[str]:
    size = len(compiled.encode())
    if size <= CLIPPED_FROM_BYTES:
        return []
    return [f"HTML: the mail has {size // 1024} KB; Gmail cuts mails off behind 102 KB."]


def _checked(compiled: str) -> str:
    try:
        parse_compiled(compiled)
    except LiquidError:
        raise TemplateError("its Liquid and its HTML do not fit together; simplify it.") from None
    return compiled


def _checked_text(text: str) -> str:
    try:
        liquid.parse(text, html=False)
    except TemplateError:
        raise TemplateError("no plain text could be made from the HTML; write it yourself.") from None
    return text


def _one_line(subject: str) -> str:
    line = CONTROL.sub("", LINE_BREAKS.sub(" ", subject.replace("\t", " "))).strip()
    if not line:
        raise RenderFailed("The subject is empty for this contact.")
    if len(line.encode()) > MAX_SUBJECT_BYTES:
        raise RenderFailed(f"The subject is longer than {MAX_SUBJECT_BYTES} bytes for this contact.")
    return line
