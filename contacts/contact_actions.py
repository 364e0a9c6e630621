"""What a person may do on a contact's page: each a question or a small form, then one verb of the domain."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin

from contacts import writing
from contacts.contact_forms import AttributeForm, ProfileForm, TagsForm, kind_of
from contacts.models import Contact
from lib import clock
from lib.admin import ask
from ops import audit

View = Callable[[ModelAdmin, HttpRequest, Contact, str], HttpResponse]


def edit_profile(admin: ModelAdmin, request: HttpRequest, contact: Contact, back: str) -> HttpResponse:
    known = contact.attributes
    form = ProfileForm(
        request.POST or None,
        initial={
            "first_name": known.get("first_name"),
            "last_name": known.get("last_name"),
            "email": contact.email,
            "timezone": contact.timezone,
        },
    )

    def act(form):
        data = form.cleaned_data
        names = {name: data[name] or None for name in ("first_name", "last_name")}
        wanted = writing.Upsert(attributes=names, email=data["email"], timezone=data["timezone"])
        writing.upsert(contact.pk, wanted, clock.now())
        return _noted(request, contact, "Edited name, e-mail or time zone.", "Saved.")

    return ask(request, admin, title="Edit this contact", lines=[], button="Save", act=act, back=back, form=form)


def edit_attribute(admin: ModelAdmin, request: HttpRequest, contact: Contact, back: str) -> HttpResponse:
    place = request.GET.get("path", "")
    value = _value_at(contact.attributes, place)
    initial = {"path": place, "type": kind_of(value), "value": writing_of(value)}
    form = AttributeForm(request.POST or None, initial=initial)

    def act(form):
        attribute = form.cleaned_data["path"]
        changed = writing.set_attributes([contact.pk], {attribute: form.cleaned_data["cleaned"]}, clock.now())
        if not changed:
            return "Nothing had to be done: it was so already."
        return _noted(request, contact, f"Changed the attribute {attribute}.", f"“{attribute}” is changed.")

    return ask(
        request,
        admin,
        title="Change an attribute",
        button="Save",
        act=act,
        back=back,
        form=form,
        lines=[
            "Templates, conditions and reports see the new value at once.",
            "Where your product sends this attribute too, its next message wins.",
        ],
    )


def edit_tags(admin: ModelAdmin, request: HttpRequest, contact: Contact, back: str) -> HttpResponse:
    worn = set(contact.tags.values_list("name", flat=True))
    form = TagsForm(request.POST or None, initial={"tags": ", ".join(sorted(worn))})

    def act(form):
        wanted = form.cleaned_data["tags"]
        tags = writing.Upsert(add_tags=wanted - worn, remove_tags=worn - wanted)
        writing.upsert(contact.pk, tags, clock.now())
        return _noted(request, contact, "Changed the tags.", "The tags are saved.")

    return ask(request, admin, title="Tags", lines=[], button="Save", act=act, back=back, form=form)


def mark_as_test(admin: ModelAdmin, request: HttpRequest, contact: Contact, back: str) -> HttpResponse:
    def act():
        Contact.objects.filter(pk=contact.pk).update(is_test=not contact.is_test)
        done = "is an ordinary contact again" if contact.is_test else "is a test contact now"
        return _noted(request, contact, f"The contact {done}.", f"{contact} {done}.")

    if contact.is_test:
        title, button = f"Make {contact} an ordinary contact?", "Make ordinary"
        lines = ["From now on it counts in reports like everybody else."]
    else:
        title, button = f"Make {contact} a test contact?", "Make test contact"
        lines = ["A test contact gets mail like everybody else, but stays out of the reports."]
    return ask(request, admin, title=title, lines=lines, button=button, act=act, back=back)


ACTIONS: dict[str, View] = {
    "edit": edit_profile,
    "attribute": edit_attribute,
    "tags": edit_tags,
    "test": mark_as_test,
}


def urls(admin: ModelAdmin) -> list:
    """One URL for each action: `<contact>/tags/` and so on."""

    def view(action: View):
        def respond(request: HttpRequest, pk: int) -> HttpResponse:
            contact = Contact.objects.current().select_related("address").filter(pk=pk).first()
            if contact is None:
                raise Http404("There is no such contact.")
            admin.must_be_allowed_to_change(request, contact)
            back = reverse("admin:contacts_contact_change", args=[pk])
            return action(admin, request, contact, back)

        return admin.admin_site.admin_view(respond)

    return [
        path(f"<int:pk>/{name}/", view(action), name=f"contacts_contact_{name}") for name, action in ACTIONS.items()
    ]


def writing_of(value: Any) -> str:
    """A value as it is typed into the form; objects and lists cannot be typed."""
    if value is None or isinstance(value, dict | list):
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _value_at(values: Any, place: str) -> Any:
    for key in place.split("."):
        if not isinstance(values, dict):
            return None
        values = values.get(key)
    return values


def _noted(request: HttpRequest, contact: Contact, deed: str, sentence: str) -> str:
    """Keep who did what (never a value) and say that it is done."""
    audit.note(request.user, contact, deed)
    return sentence
