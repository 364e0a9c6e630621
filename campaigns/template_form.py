"""The form of an e-mail template: compiled as it is saved, with the faults named by line."""

from pathlib import Path

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from campaigns import worked_out
from campaigns.compiling import DEFAULT_FOOTER_HTML, CompiledEmail, check_marketing, compile_email
from campaigns.liquid import TemplateError, Variable
from campaigns.models import EmailTemplate
from campaigns.previews import known_attributes

STARTER = Path(__file__).with_name("starter_mail.html")
# Of the contact, whatever its attributes are.
PROVIDED = {"email", "id", "tags", "timezone", *(group.name for group in worked_out.GROUPS)}
FIELDS = ("subject", "preheader", "html", "text")


def starter_html() -> str:
    """A plain, responsive mail to begin with, with its footer."""
    return STARTER.read_text().replace("<!-- footer -->", DEFAULT_FOOTER_HTML)


class TemplateForm(forms.ModelForm):
    class Meta:
        model = EmailTemplate
        fields = ["name", "subject", "preheader", "html", "text", "on_missing", "transactional"]
        widgets = {
            "subject": UnfoldAdminTextInputWidget(),
            "html": UnfoldAdminTextareaWidget(attrs={"rows": 24, "class": "dl-code", "spellcheck": "false"}),
            "text": UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "dl-code"}),
        }
        error_messages = {
            "name": {
                "required": "Give the template a name.",
                "unique": "Another template has this name; choose another one.",
            },
            "subject": {"required": "Write the subject."},
            "html": {"required": "Write the mail."},
        }

    compiled: CompiledEmail | None = None

    def clean(self):
        super().clean()
        cleaned = self.cleaned_data
        if any(name in self.errors for name in FIELDS):
            return cleaned
        try:
            self.compiled = compiled_from(cleaned, self.instance.compiled.get("links", []))
        except TemplateError as fault:
            self.add_error(field_of(fault), str(fault))
            return cleaned
        if not cleaned.get("transactional", self.instance.transactional):
            for sentence in check_marketing(cleaned["html"], cleaned["text"]):
                self.add_error("html", sentence)
        return cleaned


def compiled_from(typed: dict, known_links: list[str]) -> CompiledEmail:
    """Compile what was typed; raises TemplateError, which names the field and the line."""
    return compile_email(**{name: typed.get(name) or "" for name in FIELDS}, known_links=known_links)


def field_of(fault: TemplateError) -> str | None:
    return {"HTML": "html", "Subject": "subject", "Preheader": "preheader", "Text": "text"}.get(fault.field)


def unknown_attributes(compiled: CompiledEmail) -> list[str]:
    """A sentence for each value of the contact that the mail reads and that nobody has so far."""
    known = {*known_attributes(), *PROVIDED}
    found = ((one, _strange(one.path, known)) for one in compiled.variables)
    return list(dict.fromkeys(_warning(one, clause) for one, clause in found if clause))


def _strange(path: str, known: set[str]) -> str:
    """What is strange about a path, in a clause; empty if nothing is."""
    attribute = _attribute(path)
    if not attribute or attribute in known or attribute.partition(".")[0] in PROVIDED:
        return worked_out.wrong(path)
    return f"no contact has “{attribute}” so far"


def _attribute(path: str) -> str:
    root, _, rest = path.partition(".")
    return rest.partition("[")[0] if root == "contact" else ""


def _warning(variable: Variable, clause: str) -> str:
    line = f", line {variable.line}" if variable.field in ("HTML", "Text") else ""
    advice = "" if variable.has_default else '; without | default: "…" nobody would get the mail'
    return f"{variable.field}{line}: {clause}{advice}."
