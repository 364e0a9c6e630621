"""The form of one rule: what happens or who it is about, how many points, how often, until when."""

from typing import Any, cast

from django import forms
from msgspec.structs import replace
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from events import types as event_types
from events.models import EventTypeRow
from scoring.checking import MAX_RULE_NAME, Problem, at, problems
from scoring.document import Document, Fading, Kind, Rule, new_uid
from scoring.edit_forms import number, text
from scoring.ruling import MACHINES
from scoring.wording import suggested_name
from segments.forms import ConditionField

FADING = [("never", "They stay"), ("half", "They fade by half every"), ("expires", "They expire after")]
UNITS = [("days", "days"), ("weeks", "weeks")]
ABOUT = ("contact", "company", "computed")
FIELDS = {"fading": "fading_amount"}


def events() -> list[tuple[str, str]]:
    """Every event type that the code knows or that arrived: (key, “views a page”); those of scores are left out."""
    named = {kind.key: kind.triggers or kind.label for kind in event_types.registry}
    rows = EventTypeRow.objects.values_list("key", "label")
    named |= {key: f"does “{label or key}”" for key, label in rows if key not in named}
    return [("", "Choose what happens"), *((k, label) for k, label in named.items() if not k.startswith("score."))]


def _select(label: str, choices: Any, help_text: str = "", **more: Any) -> forms.ChoiceField:
    widget = UnfoldAdminSelectWidget(attrs=more.pop("attrs", {}))
    return forms.ChoiceField(label=label, choices=choices, widget=widget, help_text=help_text, **more)


class RuleForm(forms.Form):
    """A rule of a kind that is chosen before; `rule` is the one that is edited, or a new one."""

    name = text("Name of the rule", max_length=MAX_RULE_NAME)
    event = _select("When somebody", events, error_messages={"required": "Choose what happens."})
    where = ConditionField(
        "event", event_from="event", roots=("event",), label="But only where", required=False,
        help_text="Properties of what happened, such as the address of the page. Empty: every time.",
    )  # fmt: skip
    machines = forms.BooleanField(
        label="Count opens and clicks by machines, too", required=False, widget=UnfoldBooleanSwitchWidget,
        help_text="Mail programs and scanners open mails and follow links by themselves. Usually they do not count.",
    )  # fmt: skip
    condition = ConditionField(
        "contact", roots=ABOUT, label="As long as this is true of them", required=False,
        help_text="Fields of the person and of the company. The points come and go with it.",
    )  # fmt: skip
    effect = _select("What it does", [])
    points = number("Points", "With a minus it takes points.", required=False)
    at_most = number(
        "At most so many times",
        "The latest ones count. So nobody becomes hot by doing the same thing again and again.", required=False,
    )  # fmt: skip
    fading_how = _select("What becomes of the points", FADING, required=False)
    fading_amount = number("How many", required=False)
    fading_unit = _select("Days or weeks", UNITS, required=False)
    cap = number(
        "Points in all at most", "Whatever else: this rule gives or takes no more. Empty: no limit.", required=False
    )
    group = _select("Group", [], "Its rules have a limit together.", required=False)

    def __init__(self, data: Any = None, *, document: Document, rule: Rule):
        super().__init__(data, initial=_initial(rule))
        self.document, self.rule, self.behaves = document, rule, rule.kind == "behavioural"
        self._leave_out()
        part = "Engagement" if self.behaves else "Fit"
        self._choices("effect", [
            ("add", "Adds points"), ("set", f"{part} becomes"), ("reset", f"{part} becomes 0")
        ])  # fmt: skip
        self._choices("group", [("", "No group"), *((group.name, group.name) for group in document.groups)])
        if not self.behaves:  # of a new one nobody need see everybody
            cast(ConditionField, self.fields["condition"]).widget.eager = bool(rule.condition)
        if self.behaves:
            event = self["event"].value()
            cast(ConditionField, self.fields["where"]).event_type = event or None
            if rule.event and rule.event not in dict(events()):
                self._choices("event", [*events(), (rule.event, rule.event)])
        self.fields["name"].widget.attrs["placeholder"] = (
            suggested_name(rule) or "Made of the rule, if you leave it empty"
        )

    def _leave_out(self) -> None:
        others = ("condition",) if self.behaves else ("event", "where", "machines", "at_most", "cap")
        for name in others:
            del self.fields[name]
        if not self.document.groups:
            del self.fields["group"]

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        if name in self.fields:
            cast(forms.ChoiceField, self.fields[name]).choices = choices

    def clean_points(self) -> int | None:
        points = self.cleaned_data["points"]
        if points is None and self.data.get("effect") == "set":
            raise forms.ValidationError("Write what it becomes.")
        return points

    def typed(self, document: Document) -> Document | None:
        """The document with the rule as typed; None where something is wrong, and then the form says what."""
        if not self.is_valid():
            return None
        rule = self.filled()
        changed = with_rule(document, rule)
        found = at(problems(changed), f"rules[{rule.uid}]", *(["rules"] if rule.uid != self.rule.uid else []))
        for problem in found:
            self._show(problem)
        return None if found else changed

    def _show(self, problem: Problem) -> None:
        _, _, tail = problem.place.partition("].")
        name = FIELDS.get(tail, tail)
        if name in self.fields and name not in self.errors:
            self.add_error(name, problem.sentence)
        elif name not in self.fields:
            self.add_error(None, problem.sentence)

    def filled(self) -> Rule:
        given = self.cleaned_data
        effect = given["effect"]
        rule = Rule(
            uid=self.rule.uid or new_uid(),
            kind=self.rule.kind,
            name=given["name"].strip(),
            effect=effect,
            points=0 if effect == "reset" else given["points"] or 0,
            group=given.get("group", "") if effect == "add" else "",
            fading=self._fading(given),
            **(self._behaviour(given) if self.behaves else {"condition": given["condition"], "cap": self.rule.cap}),
        )
        rule.name = rule.name or suggested_name(rule, [one.name for one in self.document.rules if one.uid != rule.uid])
        return rule

    def _fading(self, given: dict[str, Any]) -> Fading:
        how: Any = given["fading_how"] or "never"
        unit: Any = given["fading_unit"] or "days"
        if how == "never" or given["effect"] == "reset":
            return Fading()
        return Fading(how=how, amount=given["fading_amount"] or 0, unit=unit)

    def _behaviour(self, given: dict[str, Any]) -> dict[str, Any]:
        usual = self.rule.at_most if given["effect"] != "add" else 0
        return {
            "event": given["event"],
            "cap": given["cap"] if given["effect"] == "add" else None,
            "where": given["where"],
            "machines": given["machines"] and given["event"] in MACHINES,
            "at_most": usual if given["at_most"] is None else given["at_most"],
        }


def _initial(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name, "event": rule.event, "where": rule.where, "machines": rule.machines,
        "condition": rule.condition, "effect": rule.effect, "points": rule.points or None, "at_most": rule.at_most,
        "fading_how": rule.fading.how, "fading_amount": rule.fading.amount, "fading_unit": rule.fading.unit,
        "cap": rule.cap, "group": rule.group,
    }  # fmt: skip


def with_rule(document: Document, rule: Rule) -> Document:
    """The document with this rule, in its place where it has one."""
    known = document.rule(rule.uid) is not None
    rules = [rule if one.uid == rule.uid else one for one in document.rules]
    return replace(document, rules=rules if known else [*rules, rule])


def blank(kind: Kind) -> Rule:
    return Rule(uid="", kind=kind)
