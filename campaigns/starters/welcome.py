"""The words of the Welcome sequence. Its links lead to example.com until a marketer changes them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StarterMail:
    """One mail of a starter; `paragraphs` are HTML with Liquid."""

    name: str
    subject: str
    preheader: str
    title: str
    paragraphs: tuple[str, ...]
    button: str
    url: str


MAILS = (
    StarterMail(
        name="Welcome 1: Hello",
        subject='Welcome, {{ contact.first_name | default: "and hello" }}',
        preheader="Good to have you here. This is how to begin.",
        title='Hello {{ contact.first_name | default: "and welcome" }}',
        paragraphs=(
            "Thank you for joining {{ site.name }}. We are glad that you are here.",
            "Over the next three days we will send you one short mail a day, each with one thing worth knowing. "
            "The first one: your account is ready, and it takes two minutes to set it up.",
        ),
        button="Set up my account",
        url="https://example.com/start",
    ),
    StarterMail(
        name="Welcome 2: Getting started",
        subject="Getting started: the first five minutes",
        preheader="Three small steps that most people take first.",
        title="The first five minutes",
        paragraphs=(
            'Hello {{ contact.first_name | default: "again" }}, people who get the most out of {{ site.name }} '
            "do three things first: they complete their profile, look around, and save what they like.",
            "None of it takes long, and you can stop at any time.",
        ),
        button="Take the first step",
        url="https://example.com/first-steps",
    ),
    StarterMail(
        name="Welcome 3: What others do",
        subject="What others do here",
        preheader="Ideas from people who have been here for a while.",
        title="What others do here",
        paragraphs=(
            "We asked people who have been with {{ site.name }} for a while what they wish they had known on day one.",
            "Their answers are on one page, and it is a quick read.",
        ),
        button="Read their answers",
        url="https://example.com/stories",
    ),
    StarterMail(
        name="Welcome 4: Any questions?",
        subject='{{ contact.first_name | default: "Hello" }}, any questions?',
        preheader="Just answer this mail; a person reads it.",
        title="Any questions?",
        paragraphs=(
            "This is the last of our welcome mails. If anything is unclear, answer it: a person reads what you write.",
            "And if all is well, there is nothing that you need to do. Thank you for being here.",
        ),
        button="See the help pages",
        url="https://example.com/help",
    ),
)
