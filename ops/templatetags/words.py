"""Template filters that say times in words."""

from typing import Any

from django import template
from django.conf import settings
from django.utils.text import capfirst

from lib.words import spoken_time

register = template.Library()


@register.filter
def spoken(at, now):
    """`{{ at|spoken:now }}`: “3 hours ago”, with the exact time to hover over."""
    return spoken_time(at, now, empty="never")


@register.filter
def by_task(crumbs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The way to a page in the words of the navigation, instead of the names of apps and tables."""
    links = {str(crumb["link"]) for crumb in crumbs if crumb.get("link")}
    sidebar: Any = settings.UNFOLD["SIDEBAR"]
    for group in sidebar["navigation"]:
        for item in group["items"]:
            if str(item["link"]) in links and group.get("title"):
                listing = {"title": item["title"], "link": item["link"]}
                rows = [crumb for crumb in crumbs[1:] if str(crumb.get("link")) != str(item["link"])]
                return [{"title": group["title"]}, listing, *rows]
    return _behind_a_tab(links) or [crumb | {"title": capfirst(crumb["title"])} for crumb in crumbs]


def _behind_a_tab(links: set[str]) -> list[dict[str, Any]]:
    """The way to a list that is no entry of the navigation but a tab beside one."""
    tabs: Any = settings.UNFOLD["TABS"]
    for group in tabs:
        first, *others = group["items"]
        for tab in others:
            if str(tab["link"]) in links:
                return [*by_task([first]), {"title": tab["title"]}]
    return []
