"""computed.*: computed attributes as fields of conditions, and what uses them."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import F, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from lib.registry import Registry
from segments.catalogue import SOURCES
from segments.computed_models import ComputedAttribute, ComputedValue
from segments.entries import Entry
from segments.fields import ROOTS, Comparison, as_json
from segments.leaves import Scope, Subject, quoted
from segments.models import Segment
from segments.sql import Certain, Sql, some
from segments.values import TYPES

# Apps above register `places(attribute) -> [(what, url)]`: where a computed attribute is used, in words.
USES: Registry = Registry("use of computed attributes")


@dataclass(frozen=True)
class ComputedField:
    """`attribute` is missing where it was deleted: then nobody has a value."""

    key: str
    attribute: ComputedAttribute | None

    @property
    def label(self) -> str:
        return f"their {self.attribute.label}" if self.attribute else f"their {quoted(self.key)} (deleted)"

    @property
    def type(self) -> str:
        return self.attribute.type if self.attribute else ""

    @property
    def reads(self) -> tuple[str, ...]:
        # `computed:…` is written by nobody; it finds the segments to work out again, and the uses.
        found = (f"computed:{self.key.partition('.')[2]}",)
        return (f"event:{self.attribute.event}", *found) if self.attribute else found

    def test(self, comparison: Comparison) -> Sql:
        if not self.attribute:
            return Certain("FALSE")
        rows = self._rows(comparison.scope)
        fits = some(rows.filter(comparison.of(Sql(TYPES[self.type].column, c=F(self.type)))))
        if not self.attribute.of_nothing_is_zero:
            return fits
        zero = comparison.of(Sql("{n}::numeric", n=Value(0)))
        return Sql("({fits} OR ({zero} AND NOT {any}))", fits=fits, zero=zero, any=some(rows))

    def seen(self, scope: Scope, type_: str) -> Combinable | None:
        if not self.attribute:
            return None
        return as_json(Subquery(self._rows(scope).values(self.type)[:1]))

    def refused(self, scope: Scope) -> Iterator[str]:
        yield from self.vanished(scope)

    def vanished(self, scope: Scope) -> Iterator[str]:
        if not self.attribute:
            yield f"There is no computed attribute {quoted(self.key)}, so nobody fits; choose another field."

    def _rows(self, scope: Scope) -> QuerySet[ComputedValue]:
        theirs = ComputedValue.objects.filter(contact=scope.contact_outside)
        return scope.narrowed(theirs.filter(attribute=self.attribute))


def field(key: str, keys: tuple[str, ...], scope: Scope) -> ComputedField:
    """The field of that name; all of them are read once for a tree."""
    if "computed" not in scope.memo:
        scope.memo["computed"] = {one.key: one for one in ComputedAttribute.objects.all()}
    return ComputedField(key, scope.memo["computed"].get(".".join(keys)))


def uses(attribute: ComputedAttribute) -> list[tuple[str, str]]:
    """Where it is used: (what, in words; the address of its page)."""
    return [place for places in USES for place in places(attribute)]


def in_segments(attribute: ComputedAttribute) -> list[tuple[str, str]]:
    readers = Segment.objects.filter(reads__contains=[f"computed:{attribute.key}"])
    return [(f"the segment “{reader}”", reader.get_absolute_url()) for reader in readers]


def entries(subject: Subject) -> Iterator[Entry]:
    for one in ComputedAttribute.objects.all():
        yield Entry("field", f"computed.{one.key}", one.label, "Computed", one.type)


def register() -> None:
    ROOTS.register("computed", field)
    SOURCES.register("computed", entries)
    USES.register("segments", in_segments)
