"""contact.tags: the names of a contact's tags.

Tags are few and taggings are many: the names are looked up once, then only their numbers are compared.
"""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Lower

from contacts.models import ContactTag, Tag
from segments import fields
from segments.fields import Comparison, as_json
from segments.leaves import Scope
from segments.sql import Sql, some

# What the name of one tag must be like for the operator to hold, or to hold perhaps.
ONE_OF = {
    "contains": "{name} = {value}",
    "contains any": "{name} = ANY({values})",
    "contains all": "{name} = ANY({values})",
}


class TagField(fields.Lasting):
    """A list; “contains” asks for a row of the tag, the other comparisons read the list."""

    key, label, type, reads = "contact.tags", "their tags", "list", ("tags",)

    def test(self, comparison: Comparison) -> Sql:
        operator, scope = comparison.operator, comparison.scope
        if operator == "is set":
            return some(_taggings(scope))
        if operator.startswith("length"):
            return _length(comparison)
        if operator not in ONE_OF:
            return comparison.of(_names(scope))
        wanted = Sql(ONE_OF[operator], name=Lower("name"), **comparison.parts)
        found = some(_taggings(scope).filter(_is_one_of(wanted)))
        if operator == "contains all":
            return Sql("({some} AND {all})", some=found, all=comparison.of(_names(scope)))
        return found

    def seen(self, scope: Scope, type_: str) -> Combinable:
        return as_json(_names(scope))


def _taggings(scope: Scope):
    return scope.narrowed(ContactTag.objects.filter(contact=scope.contact_outside))


def _length(comparison: Comparison) -> Sql:
    """Counted without looking at the names."""
    rows = _taggings(comparison.scope).order_by().values("contact")
    count = Coalesce(Subquery(rows.annotate(count=Count("pk")).values("count")), 0)
    sql = comparison.sql.replace("cardinality({x})", "{n}")
    return Sql(f"({sql})", n=count, **comparison.parts)


def _names(scope: Scope) -> Combinable:
    return ArraySubquery(_taggings(scope).order_by("tag__name").values(name=Lower("tag__name")))


def _is_one_of(wanted: Combinable) -> Combinable:
    return Sql(
        "({tag} = ANY({ids}))", tag=F("tag_id"), ids=ArraySubquery(Tag.objects.filter(wanted).order_by().values("pk"))
    )


def register() -> None:
    fields.register(TagField())
