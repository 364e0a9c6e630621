"""What the admin's pages share: read-only history, lists of big tables, questions before a deed."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import RelatedFieldListFilter, ShowFacets
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.decorators import display

from lib import clock, words

ESTIMATE = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_class c WHERE c.relkind <> 'p' AND (
    c.oid = %s::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))
"""


class NamesFilter(RelatedFieldListFilter):
    """Offers what some row belongs to, by name: each is looked for in the index of its key, and no row is read."""

    def field_choices(self, field, request, model_admin):
        its = field.model._default_manager.filter(**{field.name: OuterRef("pk")})
        named = field.related_model._default_manager.filter(Exists(its)).order_by("name")
        return list(named.values_list("pk", "name"))


class CappedPaginator(Paginator):
    """Counts exactly up to 10,000 rows and leads no further: whoever looks for more than that, searches."""

    template_name = "admin/big_table_pages.html"
    CAP = 10_000

    def __init__(self, rows: QuerySet, *args, whole: bool = False, **options):
        super().__init__(rows, *args, **options)
        self.rows, self.whole = rows, whole

    @cached_property
    def found(self) -> int:
        return self.rows.order_by()[: self.CAP + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.found, self.CAP)

    @cached_property
    def count_in_words(self) -> str:
        if self.found <= self.CAP:
            return f"{self.found:,}"
        return f"about {self._estimate():,}" if self.whole else f"more than {self.CAP:,}"

    def _estimate(self) -> int:
        """The planner's own number, of all partitions where there are some."""
        table = self.rows.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(ESTIMATE, [table, table])
            return max(cursor.fetchone()[0], self.CAP)


class KeysFirst(CappedPaginator):
    """Finds the keys of a page, then its rows: sorting a million keys is quick, sorting as many wide rows is not."""

    def page(self, number):
        found = super().page(number)
        rows: Any = found.object_list
        found.object_list = self.rows.filter(pk__in=list(rows.values_list("pk", flat=True)))
        return found


class BigTableAdmin(ModelAdmin):
    """A list that stays fast over millions of rows: no full counts, no sorting but by its own order."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_facets = ShowFacets.NEVER
    sortable_by = ()

    def get_paginator(self, request, queryset, per_page, orphans=0, allow_empty_first_page=True):
        whole = not set(request.GET) - {PAGE_VAR}
        paginator = KeysFirst if ORDER_VAR in request.GET else CappedPaginator
        return paginator(queryset, per_page, orphans, allow_empty_first_page, whole=whole)


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the product writes: people look at them, nobody changes them here."""

    actions = None

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """What nobody changes here has no history of changes."""
        return super().changeform_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})


def moment(field: str, label: str, empty: str = "never") -> Callable:
    """A list column that says a time in words."""

    @display(description=label, ordering=field)
    def column(self, row):
        return words.spoken_time(getattr(row, field), clock.now(), empty)

    return column


def facts_table(values: dict) -> str:
    """A JSON object as a table of dotted paths and plain values."""
    return render_to_string("admin/facts.html", {"facts": list(words.facts(values))})


def ask(
    request: HttpRequest,
    admin: ModelAdmin,
    *,
    title: str,
    lines: Iterable[str],
    button: str,
    act: Callable[..., str | None],
    back: str,
    danger: bool = False,
    form=None,
    template: str = "admin/ask.html",
) -> HttpResponse:
    """A question in plain words; a POST does the deed, says what happened and goes back.

    `act(form)` (`act()` without a form) returns the sentence to show. A ValueError that it raises is
    shown as the reason why nothing was done.
    """
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            sentence = act(form) if form is not None else act()
        except ValueError as refusal:
            if form is None:
                messages.error(request, str(refusal))
                return HttpResponseRedirect(back)
            form.add_error(None, str(refusal))
        else:
            if sentence:
                messages.success(request, sentence)
            return HttpResponseRedirect(back)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.model._meta,
        "title": title,
        "lines": list(lines),
        "button": button,
        "back": back,
        "danger": danger,
        "form": form,
        "media": admin.media + form.media if form is not None else admin.media,
    }
    return TemplateResponse(request, template, context)
