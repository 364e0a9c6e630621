"""A page with the rule builder on it, served by the real site to a real browser that is logged in."""

import json
import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from playwright.sync_api import Browser, Locator, Page

from ops.models import User
from segments.forms import ConditionField

PAGE = Template("""{% extends "admin/base_site.html" %}
{% block extrahead %}{{ block.super }}{{ form.media }}{% endblock %}
{% block content %}<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="{{ token }}">{{ form }}
<p><button>Save</button></p></form>{% endblock %}""")


class Bench:
    """One condition in a form. `tree()` is what would be posted, read by the form field itself."""

    def __init__(self, browser: Browser, server: str, client, **options):
        context = browser.new_context(base_url=server, **options)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}])
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.user = client.get("/password_change/").context["user"]

    def open(self, tree: Any = None, subject: str = "contact", data: str | None = None, **options) -> "Bench":
        """The form with a tree in it, or as it comes back after `data` was posted."""
        made = form_class(subject, **options)
        form = made({"condition": data}) if data is not None else made(initial={"condition": tree})
        return self.show(form, subject)

    def show(self, form: forms.Form, subject: str = "contact") -> "Bench":
        self.subject = subject
        # A token is a cookie and a field: any page of the site gives both.
        self.page.goto("/password_change/")
        token = self.page.locator("[name=csrfmiddlewaretoken]").first.input_value()
        request = RequestFactory().get("/bench")
        request.user, request.session = self.user, {}
        html = PAGE.render(RequestContext(request, {**admin.site.each_context(request), "form": form, "token": token}))
        self.page.route(re.compile("/bench$"), lambda route: route.fulfill(body=html, content_type="text/html"))
        self.page.goto("/bench")
        self.page.wait_for_selector("[data-conditions][data-ready]")
        return self

    @property
    def box(self) -> Locator:
        return self.page.locator("[data-conditions]").first

    def row(self, number: str) -> Locator:
        return self.box.get_by_role("group", name=f"Condition {number}", exact=True)

    def add(self, search: str) -> None:
        """Add a condition by the keyboard alone, from the outermost button."""
        self.box.get_by_role("button", name="Add a condition").last.focus()
        self.choose(search)

    def choose(self, search: str) -> None:
        self.page.keyboard.press("Enter")
        self.page.keyboard.type(search)
        self.page.keyboard.press("Enter")

    def sent(self) -> Any:
        text = self.page.locator("input[name=condition]").input_value()
        return json.loads(text) if text else None

    def tree(self) -> Any:
        return ConditionField(self.subject, required=False).clean(json.dumps(self.sent()))


def logged_in(browser: Browser, server: str) -> Bench:
    """Somebody who may do everything, at the rule builder."""
    cache.clear()
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return Bench(browser, server, client)


def form_class(subject: str, **options) -> type[forms.Form]:
    class OneCondition(forms.Form):
        condition = ConditionField(subject, required=False, label="Who", **options)

    return OneCondition
