"""The mails of ready-made campaigns: their words, in one common shell."""

from pathlib import Path

import msgspec

from campaigns.compiling import DEFAULT_FOOTER_HTML

SHELL = Path(__file__).with_name("shell.html")
BASE = "https://example.com"  # where links lead until a marketer says where
BUTTON = '  <p><a class="button" href="{url}">{label}</a></p>\n'
TRANSACTIONAL_FOOTER_HTML = """\
<p style="font-size:12px;color:#667085">
  {{ site.name }} · {{ site.postal_address }}
</p>
"""


class StarterMail(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One mail; `paragraphs` are HTML with Liquid. Without a `button` it only says something."""

    name: str
    subject: str
    preheader: str
    title: str
    paragraphs: tuple[str, ...]
    button: str = ""
    url: str = ""
    transactional: bool = False


def html_of(mail: StarterMail, base: str = BASE) -> str:
    """The mail in the starters' common shell; its links lead below `base`."""
    parts = {
        "title": mail.title,
        "body": "\n".join(f"    <p>{paragraph}</p>" for paragraph in mail.paragraphs),
        "button": BUTTON.format(url=mail.url, label=mail.button) if mail.button else "",
        "footer": TRANSACTIONAL_FOOTER_HTML if mail.transactional else DEFAULT_FOOTER_HTML,
    }
    html = SHELL.read_text()
    for name, value in parts.items():
        html = html.replace(f"<!-- {name} -->", value)
    return html.replace(BASE, base)
