"""The form of the random split: shares of a hundred."""

from django import forms

from automation.forms.rows import RowForm, RowsForm, name_field
from campaigns.sequence_offers import whole_number


class ShareForm(RowForm):
    name = name_field("Name", "Give this way a name, such as “Short mail”.")
    percent = whole_number("Percent", 0, 100)


class SplitForm(RowsForm):
    """The shares must come to 100."""

    row_form = ShareForm
    row_name = "way"
    most = 10

    @classmethod
    def initial_from(cls, config):
        found = super().initial_from(config)
        return found if found["arms"] else {"arms": [{"name": "A", "percent": 50}, {"name": "B", "percent": 50}]}

    def clean(self):
        cleaned = super().clean()
        if self.rows.is_valid():
            rows = self.rows.in_order()
            total = sum(form.cleaned_data["percent"] for form in rows)
            if len(rows) < 2:
                raise forms.ValidationError("Add a way: a split has at least two.")
            if total != 100:
                raise forms.ValidationError(f"The shares come to {total} %; make them 100.")
        return cleaned
