"""Caught mail: what the local catcher took instead of delivering it, readable as its reader would see it."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

from django.core.exceptions import PermissionDenied
from django.urls import path, reverse
from unfold.decorators import display

from campaigns.links import WEB, cleaned, scheme
from campaigns.models import CaughtMail
from campaigns.pages import download, found, page, sandboxed
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, moment


class CaughtMailAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["about", "recipient", "sender", "caught"]
    list_display_links = ["about"]
    search_fields = ["recipient"]
    search_help_text = "The recipient's address"
    ordering = ["-id"]
    caught = moment("caught_at", "caught")
    empty_icon = "mark_email_unread"
    empty_title = "No mail was caught"
    empty_sentence = (
        "While the local mail catcher is in use, every mail that would have gone out lands here instead. "
        "No reader gets any of them."
    )
    list_before_template = "campaigns/caught_mail_tools.html"

    def get_queryset(self, request):
        return super().get_queryset(request).defer("raw")

    @display(description="Subject")
    def about(self, mail):
        return mail.subject or "(no subject)"

    def get_urls(self):
        wrap = self.admin_site.admin_view
        return [
            path("delete-all/", wrap(self.delete_all_view), name="campaigns_caughtmail_delete_all"),
            path("<int:object_id>/said/", wrap(self.said_view), name="campaigns_caughtmail_said"),
            path("<int:object_id>/raw/", wrap(self.raw_view), name="campaigns_caughtmail_raw"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        mail = found(self, request, object_id)
        parsed = parse(mail)
        html = part(parsed, "html")
        return page(
            self,
            request,
            "campaigns/caught_mail.html",
            mail.subject or "(no subject)",
            mail,
            headers=headers(parsed),
            text=part(parsed, "plain"),
            has_html=bool(html),
            links=links(html),
            newer=CaughtMail.objects.filter(pk__gt=mail.pk).order_by("pk").only("pk").first(),
            older=CaughtMail.objects.filter(pk__lt=mail.pk).order_by("-pk").only("pk").first(),
        )

    def said_view(self, request, object_id):
        return sandboxed(part(parse(found(self, request, str(object_id))), "html"))

    def raw_view(self, request, object_id):
        mail = found(self, request, str(object_id))
        return download(bytes(mail.raw), f"mail-{mail.pk}.eml")

    def delete_all_view(self, request):
        """Asks on GET, deletes on POST. For who may delete caught mail."""
        if not request.user.has_perm("campaigns.delete_caughtmail"):
            raise PermissionDenied
        back, count = reverse("admin:campaigns_caughtmail_changelist"), CaughtMail.objects.count()

        def act() -> str:
            CaughtMail.objects.all().delete()
            return "All caught mail was deleted."

        lines = [f"{_mails(count)} deleted here. The messages and what came of them stay."]
        return ask(
            request,
            self,
            title="Delete all caught mail?",
            lines=lines,
            button="Delete all",
            act=act,
            back=back,
            danger=True,
        )


def _mails(count: int) -> str:
    return "1 mail is" if count == 1 else f"{count:,} mails are"


class Links(HTMLParser):
    """The web addresses that a mail links to, each once, with the words that it wears."""

    def __init__(self, html: str):
        super().__init__()
        self.found: dict[str, str] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        address = cleaned(dict(attrs).get("href") or "") if tag == "a" else ""
        if scheme(address) in WEB:
            self._open = address
            self.found.setdefault(address, "")

    def handle_endtag(self, tag):
        if tag == "a":
            self._open = ""

    def handle_data(self, data):
        if self._open:
            self.found[self._open] += data


def links(html: str) -> list[tuple[str, str]]:
    """(words, address) for a list below the frame, in which links do nothing."""
    return [(words.strip() or address, address) for address, words in Links(html).found.items()][:100]


def parse(mail: CaughtMail) -> EmailMessage:
    return message_from_bytes(bytes(mail.raw), policy=policy.default)  # type: ignore[arg-type, return-value]


def headers(parsed: EmailMessage) -> list[tuple[str, str]]:
    """Name and value of each header, as it came where it cannot be decoded."""
    found = []
    for name, raw in parsed.raw_items():
        try:
            found.append((name, str(parsed.policy.header_fetch_parse(name, raw))))
        except Exception:  # noqa: BLE001  the parser of the standard library fails in many ways on broken headers
            found.append((name, str(raw)))
    return found


def part(parsed: EmailMessage, subtype: str) -> str:
    """The first text part of a subtype; empty where there is none. Never fails on a broken mail."""
    body = parsed.get_body(preferencelist=(subtype,))
    if body is None:
        return ""
    try:
        return body.get_content()
    except (LookupError, ValueError):  # a charset nobody knows
        return bytes(body.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[arg-type]
