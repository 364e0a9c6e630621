"""The form of “Call a webhook”. Secret values go in and never come out: what is shown again are dots."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms

from automation.webhooks import config as settings_of
from automation.webhooks import receivers, writing
from automation.webhooks.config import METHODS, Header, Hook
from campaigns.config_form import ConfigForm
from lib import clock

DOTS = "••••••••"
KEPT = re.compile(rf"{DOTS}\s*\(kept:?\s*([0-9a-f]{{1,20}})\)")
BODY = """{
  "email": {{ contact.email }},
  "plan": {{ event.plan | default: "free" }}
}"""


class WebhookForm(ConfigForm):
    """What is called, with what, and what counts as success."""

    method = forms.ChoiceField(label="How", choices=[(name, name) for name in METHODS], initial="POST")
    url = forms.CharField(
        label="Address",
        max_length=settings_of.MAX_URL,
        error_messages={
            "required": "Write the address that is called, such as https://api.example.com/trials.",
            "max_length": f"Address: write {settings_of.MAX_URL:,} characters at most.",
        },
        help_text="Such as https://api.example.com/trials. Behind the host it may hold values: "
        "?email={{ contact.email }}",
    )
    body = forms.CharField(
        label="What is sent",
        required=False,
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false", "placeholder": BODY}),
        help_text="JSON, with values of the contact. Empty: the contact, the event and the campaign.",
    )
    headers = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "X-Team: Growth"}),
        help_text="One a line: a name, a colon, a value.",
    )
    secrets = forms.CharField(
        label="Secret headers",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off", "placeholder": "Authorization: Bearer …"}
        ),
        help_text="Such as an API key. Kept sealed, and never shown again; leave the dots as they are to keep a value.",
    )
    timeout = forms.IntegerField(
        label="Seconds to wait for the answer",
        min_value=1,
        max_value=settings_of.MAX_SECONDS,
        initial=10,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            f"Seconds to wait: write a whole number from 1 to {settings_of.MAX_SECONDS}.",
        ),
    )
    patience = forms.IntegerField(
        label="Minutes to try at most",
        required=False,
        min_value=1,
        max_value=settings_of.MAX_PATIENCE,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            f"Minutes to try: write a whole number from 1 to {settings_of.MAX_PATIENCE:,}, or nothing.",
        ),
        help_text="Then they leave by “It failed”. Empty: it is tried again for about a day.",
    )
    success = forms.CharField(
        label="Answers that count as success",
        initial="200-299",
        max_length=200,
        help_text="Such as 200-299, 409.",
        error_messages={"required": "Say which answers count as success, such as 200-299."},
    )
    answer = forms.CharField(
        label="Name of the answer",
        required=False,
        max_length=40,
        help_text="What is answered is kept under it: {{ webhook.trial.url }}. Empty: the name of the step.",
    )

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        hook = settings_of.read(config) or Hook()
        plain = [f"{one.name}: {one.value}" for one in hook.headers if not one.secret and not _secret(one)]
        sealed = [f"{one.name}: {DOTS} (kept: {one.secret})" for one in hook.headers if one.secret]
        # A value that has no business there, as an imported file may hold it, is not shown either.
        sealed += [f"{one.name}: " for one in hook.headers if not one.secret and _secret(one)]
        shown = {"method": hook.method, "url": hook.url, "body": hook.body, "timeout": hook.timeout}
        shown |= {"success": hook.success, "answer": hook.answer, "patience": hook.patience or None}
        return {**shown, "headers": "\n".join(plain), "secrets": "\n".join(sealed)}

    def clean_headers(self) -> list[Header]:
        found = list(_lines(self.cleaned_data["headers"]))
        self._refuse([Header(name=one.name, value="" if _secret(one) else one.value) for one in found])
        return found

    def clean_secrets(self) -> list[Header]:
        found = [_sealed(one) for one in _lines(self.cleaned_data["secrets"])]
        self._refuse([Header(name=one.name) for one in found])
        for one in found:
            if not one.secret and not one.value:
                raise forms.ValidationError(f"Write the value of the secret header “{one.name[:60]}” behind its colon.")
            if not settings_of.plain_value(one.value):
                raise forms.ValidationError(f"“{one.name[:60]}” has a value that no header can hold.")
        return found

    def _refuse(self, headers: list[Header]) -> None:
        found = [sentence for one in headers for sentence in settings_of.about_header(one)]
        if found:
            raise forms.ValidationError(found)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        hook = self._hook([Header(name=one.name) for one in self._all()])
        for sentence in [*settings_of.problems(hook), *writing.problems(hook)]:
            self.add_error(_field_of(sentence), sentence)
        self._refuse_strange_keys(hook.url)
        return cleaned

    def _refuse_strange_keys(self, url: str) -> None:
        """A kept value goes to the server that it was typed for, and to no other."""
        keys = [one.secret for one in self.cleaned_data.get("secrets", []) if one.secret]
        known = receivers.known_headers(settings_of.origin(url), keys)
        for one in self.cleaned_data.get("secrets", []):
            if one.secret and one.secret not in known:
                self.add_error(
                    "secrets", f"Type the value of “{one.name}” again: what is kept was meant for another server."
                )

    def _all(self) -> list[Header]:
        return [*self.cleaned_data["headers"], *self.cleaned_data["secrets"]]

    def _hook(self, headers: list[Header]) -> Hook:
        values = {name: self.cleaned_data[name] for name in ("method", "timeout", "success", "answer")}
        values["patience"] = self.cleaned_data["patience"] or 0
        body = self.cleaned_data["body"].replace("\r\n", "\n")
        return Hook(url=self.cleaned_data["url"].strip(), body=body, headers=headers, **values)

    def config(self) -> dict[str, Any]:
        """With the secrets kept apart: from here on only their keys stand anywhere."""
        url = self.cleaned_data["url"].strip()
        receivers.receiver(settings_of.origin(url), clock.now())  # known from now on: its engineer may get the secret
        hook = self._hook([])
        found: dict[str, Any] = {"method": hook.method, "url": url, "timeout": hook.timeout, "success": hook.success}
        if headers := [self._kept(one, url) for one in self._all()]:
            found["headers"] = headers
        more = {name: getattr(hook, name) for name in ("body", "answer", "patience")}
        return {**found, **{name: value for name, value in more.items() if value}}

    def _kept(self, header: Header, url: str) -> dict[str, str]:
        if header.secret:
            return {"name": header.name, "secret": header.secret}
        if header in self.cleaned_data["secrets"] or _secret(header):
            key = receivers.keep_header(settings_of.origin(url), header.value, clock.now())
            return {"name": header.name, "secret": key}
        return {"name": header.name, "value": header.value}


def _secret(header: Header) -> bool:
    return bool(header.value) and settings_of.is_secret_name(header.name)


def _lines(text: str) -> Iterator[Header]:
    for line in text.splitlines():
        if line.strip():
            name, _, value = line.partition(":")
            yield Header(name=name.strip(), value=value.strip())


def _sealed(header: Header) -> Header:
    kept = KEPT.fullmatch(header.value)
    return Header(name=header.name, secret=kept[1]) if kept else header


FIELDS = {"address": "url", "port": "url", "https": "url", "body": "body", "header": "headers", "wait for": "timeout"}
FIELDS |= {"minutes": "patience"}
FIELDS |= {"success": "success", "Name the answer": "answer", "#": "url"}


def _field_of(sentence: str) -> str | None:
    """The field that a sentence is about."""
    return next((field for word, field in FIELDS.items() if word in sentence), None)
