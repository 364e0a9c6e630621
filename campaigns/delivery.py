"""What is handed to a mail server, and what became of it, in the words of the product."""

import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["sent", "retry", "soft_bounce", "hard_bounce", "rejected", "policy", "login", "unknown", "abandoned"]

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r'(?:[^\s<>()\[\],;:\\"@]+|"(?:[^"\\]|\\.)+")@(?:[^\s<>()\[\],;:\\"@]+|\[[\w:.]+\])')


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one address.

    `data` is a complete RFC 5322 message with CRLF line ends, not dot-stuffed; an empty `sender` is the null
    sender `<>`; `ref` comes back in the Outcome.
    """

    ref: Any
    sender: str
    recipient: str
    data: bytes

    def problem(self) -> str:
        """Say why no server could take this envelope; empty when one could."""
        for label, address in (("sender", self.sender), ("recipient", self.recipient)):
            if (address or label == "recipient") and (problem := address_problem(address)):
                return f"the {label} {problem}"
        # A line end of another form can smuggle a second message past servers that accept it as one.
        if not self.data.count(b"\r\n") == self.data.count(b"\n") == self.data.count(b"\r"):
            return "the message has line ends other than CRLF"
        return ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one envelope.

    `stage` is where it was decided: connect, ehlo, starttls, auth, mail, rcpt, data, body, dot or commit.
    `code` and `enhanced` are the server's reply, 0 and empty where there was none; `text` is in its words
    or in ours.
    """

    ref: Any
    kind: Kind
    stage: str
    code: int = 0
    enhanced: str = ""
    text: str = ""

    @property
    def sentence(self) -> str:
        """The outcome as one plain sentence for a marketer."""
        opening = (_REPLIED if self.code else _SILENT)[self.kind]
        status = f" ({self.code} {self.enhanced}".rstrip() + ")" if self.code else ""
        detail = f": {self.text.rstrip('. ')}" if self.text.rstrip(". ") else ""
        return f"{opening}{status}{detail}."


_REPLIED: dict[str, str] = {
    "sent": "The receiving server accepted the message",
    "retry": "The mail server asked to try again later",
    "soft_bounce": "The mailbox is full",
    "hard_bounce": "The receiving server refused the address",
    "rejected": "The receiving server refused the message",
    "policy": "The receiving server refuses mail from this sender",
    "login": "The mail server refused the log-in",
    "unknown": "The mail server gave no clear answer, so the message may or may not have arrived",
    "abandoned": "The message was withdrawn just before it was sent",
}
_SILENT: dict[str, str] = _REPLIED | {
    "retry": "The mail server could not take the message now; it will be tried again",
    "rejected": "The message could not be sent",
    "login": "The settings of the mail server need attention",
    "unknown": "No answer came after the message was handed over, so it may or may not have arrived",
}


def address_problem(address: str) -> str:
    """Say what is wrong with one e-mail address as `address …`; empty when nothing is."""
    if CONTROL.search(address):
        return "address contains a line break or control character; remove it"
    if not _ADDRESS.fullmatch(address):
        return "address is not a single e-mail address; write it as name@example.com"
    if any("\ud800" <= letter <= "\udfff" for letter in address):
        return "address contains a broken character; type it again"
    return ""


_SENDER_STAGES = {"connect", "ehlo", "starttls", "auth", "mail"}
_BY_STATUS: dict[str, Kind] = {
    "1": "hard_bounce",
    "1.7": "policy",
    "1.8": "policy",
    "2.1": "hard_bounce",
    "2.2": "soft_bounce",
    "7": "policy",
}
_BY_CODE: dict[int, Kind] = {
    550: "hard_bounce",
    551: "hard_bounce",
    552: "soft_bounce",
    553: "hard_bounce",
    556: "hard_bounce",
}
_FULL = re.compile(r"quota|mailbox (is )?full|over ?limit|storage allocation", re.I)
_NO_USER = re.compile(
    r"no such (user|recipient|mailbox)|(user|recipient|mailbox|address) (is )?(unknown|not found)"
    r"|unknown (user|recipient|mailbox|address)|does ?n[o']t exist",
    re.I,
)
_POLICY = re.compile(r"spam|black ?list|block|relay|polic|reputation|spf|dkim|dmarc|rbl|dnsbl", re.I)


def kind_of(stage: str, code: int, enhanced: str, text: str) -> Kind:
    """Class a refusing reply (4xx or 5xx) by what it means for the address and for the sender."""
    if code in (530, 534, 535, 538) and stage not in ("body", "dot"):
        return "login"
    if code < 500:
        return "soft_bounce" if _full_for_now(stage, code, enhanced, text) else "retry"
    if stage in _SENDER_STAGES:
        return "rejected" if code in (552, 555) else "policy"
    status = enhanced.partition(".")[2]
    known = _BY_STATUS.get(status) or _BY_STATUS.get(status.partition(".")[0])
    return known or _by_words(stage, code, text)


def _full_for_now(stage: str, code: int, enhanced: str, text: str) -> bool:
    if enhanced == "4.2.2" or (stage not in _SENDER_STAGES and _FULL.search(text)):
        return True
    return code == 452 and not enhanced and stage not in _SENDER_STAGES


def _by_words(stage: str, code: int, text: str) -> Kind:
    """A reply without a telling enhanced status: the words decide, then the code."""
    if _FULL.search(text):
        return "soft_bounce"
    if _NO_USER.search(text):
        return "hard_bounce"
    if _POLICY.search(text):
        return "policy"
    return _BY_CODE.get(code, "rejected") if stage == "rcpt" else "rejected"
