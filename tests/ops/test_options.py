"""The options of a select, written in one go: the same as Django writes them."""

import re

import pytest
from django.forms import Select
from unfold.widgets import UnfoldAdminSelectWidget

CHOICES = [
    ("", "Choose…"),
    (7, "Tips & <b>tricks</b>"),
    ('"><img src=x>', 'She said "yes"'),
    (None, "None of them"),
    ("Mails of “A&B”", [(8, "One"), ("nine", "Two")]),
]


class Marked(Select):
    """Options may have attributes of their own."""

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"] |= {"data-of": f"{value}<", "disabled": value == 8, "hidden": value == 7}
        return option


class MarkedByUnfold(Marked, UnfoldAdminSelectWidget):
    pass


@pytest.mark.parametrize("chosen", ["", "7", "8", "nine", None])
def test_they_are_what_django_writes(chosen):
    ours = MarkedByUnfold(choices=CHOICES).render("mail", chosen)
    usual = Marked(choices=CHOICES).render("mail", chosen)
    assert "grow relative" in ours and _options(ours) == _options(usual) and len(_options(ours)) == 8


def _options(html: str) -> list[str]:
    return re.findall(r"<(?:optgroup|option).*?>.*?(?=\s*<)|</optgroup>", html)
