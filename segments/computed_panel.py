"""What the contact page says about computed attributes."""

from contacts.panels import Panel, panels
from lib.words import in_plain_words
from segments.computed_models import ComputedAttribute
from segments.computed_writing import values_of


class Computed(Panel):
    """Every computed attribute with this contact's value."""

    title = "Computed"
    template = "segments/computed_panel.html"
    order = 25
    permission = "segments.view_computedattribute"

    def context(self, contact, now):
        values = values_of([contact.pk])[contact.pk]
        return {"facts": [(one, _words(values.get(one.key))) for one in ComputedAttribute.objects.all()]}


def _words(value) -> str:
    return "–" if value is None else in_plain_words(value.isoformat() if hasattr(value, "isoformat") else value)


def register() -> None:
    panels.register("computed attributes", Computed())
