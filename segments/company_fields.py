"""company.*: the key, the name and the attributes of the companies that a contact belongs to.

A comparison is true when one of their companies fits; its negation is true when none does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Value
from django.db.models.expressions import Combinable

from contacts.models import Company, CompanyMember
from segments import known
from segments.fields import ROOTS, Comparison, Lasting, as_json
from segments.leaves import Scope, quoted
from segments.sql import Sql, some
from segments.values import TYPES

NAME = "coalesce(dripline_text({c} -> 'name'), {k})"  # as Company.__str__ has it
COLUMNS = {"key": "{k}", "name": NAME}
LABELS = {"key": "their company’s id", "name": "their company’s name"}
SHOWN = 5


@dataclass(frozen=True)
class CompanyField(Lasting):
    """`keys` is a path into the company's attributes, or the key or the name alone."""

    key: str
    keys: tuple[str, ...]
    reads: tuple[str, ...] = ("company",)

    @property
    def label(self) -> str:
        return LABELS.get(self._own, f"their company’s {' '.join(self.keys).replace('_', ' ')}")

    @property
    def type(self) -> str:
        return "text" if self._own else ""

    @property
    def _own(self) -> str:
        return self.keys[0] if len(self.keys) == 1 and self.keys[0] in COLUMNS else ""

    def test(self, comparison: Comparison) -> Sql:
        scope, type_ = comparison.scope, comparison.type.key
        if self._own:
            value = Sql(TYPES[type_].column, c=self._column())
        else:
            value = Sql(TYPES[type_].json, j=self._json(), zone=Value(scope.zone))
        return some(_memberships(scope).filter(comparison.of(value)))

    def seen(self, scope: Scope, type_: str) -> Combinable:
        value = as_json(self._column() if self._own else self._json())
        companies = _memberships(scope).order_by("company_id").annotate(value=value)[:SHOWN]
        return as_json(ArraySubquery(companies.values("value")))

    def vanished(self, scope: Scope) -> Iterator[str]:
        if not self._own and not known.is_held(Company, self.keys, scope):
            yield f"No company has {quoted('.'.join(self.keys))} any more; choose another field."

    def _column(self) -> Combinable:
        return Sql(COLUMNS[self._own], c=F("company__attributes"), k=F("company__key"))

    def _json(self) -> Combinable:
        return Sql("({c} #> {keys}::text[])", c=F("company__attributes"), keys=Value(list(self.keys)))


def _memberships(scope: Scope):
    return scope.narrowed(CompanyMember.objects.filter(contact=scope.contact_outside))


def register() -> None:
    ROOTS.register("company", lambda key, keys, scope: CompanyField(key, keys))
