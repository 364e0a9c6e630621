"""The form of the branch: arms with a condition each, asked from the top."""

from automation.forms.rows import RowForm, RowsForm, name_field
from segments.forms import ConditionField


class ArmForm(RowForm):
    name = name_field("Name", "Give this way a name, such as “Big spenders”.")
    condition = ConditionField(
        "enrollment", label="For those who match", error_messages={"required": "Say who goes this way."}
    )


class BranchForm(RowsForm):
    """Everybody takes the first way that fits; the rest take “else”."""

    row_form = ArmForm
    row_name = "way"
    at_first = 1
