"""The API's view of contacts. Each method translates, and makes one call of the domain."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contacts import addresses, consent, writing
from contacts.api_bodies import (
    ANN,
    SHOWN,
    WRITTEN,
    ContactShown,
    ContactWritten,
    TagsShown,
    TagsWritten,
    UnsubscribeShown,
    UnsubscribeWritten,
    shown,
)
from contacts.models import Contact, ContactTag, Identity, Topic
from contacts.searching import beginning_with
from lib import clock
from ops.api import FAULTS, NOT_FOUND, PAGING, bad_input, page, page_of, source_of, text

WHO = OpenApiParameter(
    "who",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="Our id of the contact, such as `42`, or `user:` and yours, such as `user:u-1001`.",
)
ATTRIBUTES = {"first_name": "Ann", "subscription": {"plan": "pro"}}
READ, WRITE = "contacts:read", "contacts:write"


def _query(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=description)


def found(who: str) -> int:
    """Id of the contact named in a URL: `42` or `user:u-1001`. One that was merged stands for the other."""
    if "\x00" in who:
        raise bad_input("The name of a contact contains a character that cannot be looked up; remove it.")
    if who.startswith("user:"):
        people = Contact.objects.filter(identities__kind=Identity.Kind.USER, identities__value=who[5:])
    elif who.isascii() and who.isdecimal() and len(who) < 19:
        people = Contact.objects.filter(pk=int(who))
    else:
        raise NotFound("A contact is named by its number, or by user: and your user id.")
    row = people.values_list("pk", "merged_into").first()
    if row is None:
        raise NotFound(f"There is no contact “{who[:80]}”.")
    return row[1] or row[0]


def _full(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    return contacts.select_related("address").prefetch_related("identities", "tags", "companies")


def _answer(contact_id: int, status: int = 200) -> Response:
    return Response(shown(_full(Contact.objects.filter(pk=contact_id)).get()), status=status)


def _write(contact_id: int, body: dict[str, Any], request: Request) -> None:
    try:
        writing.upsert(contact_id, writing.Upsert(**body), clock.now(), source_of(request))
    except writing.NotWritable as fault:
        raise bad_input(str(fault), fault.field) from fault


class ContactsView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="contacts_list",
        summary="Find contacts",
        description="Contacts, the newest first, a page at a time. Merged contacts are left out.",
        parameters=[
            _query("email", "Those with this address (two contacts may share one)."),
            _query("user_id", "The one with this user id of yours."),
            _query("search", "Those whose name, address or id begins so."),
            *PAGING,
        ],
        responses={200: page_of("ContactPage", ContactShown), **FAULTS},
        examples=[OpenApiExample("A page", {"results": [ANN], "next": "42"}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = Contact.objects.current()
        if search := text(request, "search"):
            rows = beginning_with(search)
        if email := text(request, "email"):
            rows = rows.filter(address__email=_normal(email))
        if user_id := text(request, "user_id"):
            rows = rows.filter(identities__kind=Identity.Kind.USER, identities__value=user_id)
        return Response(page(request, _full(rows), shown, "email", "user_id", "search"))


def _normal(email: str) -> str:
    try:
        return addresses.normalise(email)
    except addresses.NotAnAddress as fault:
        raise bad_input(str(fault), "email") from fault


class ContactView(APIView):
    scopes = {"GET": READ, "PUT": WRITE, "PATCH": WRITE}

    @extend_schema(
        operation_id="contacts_read",
        summary="Read a contact",
        parameters=[WHO],
        responses={200: ContactShown, **FAULTS, **NOT_FOUND},
        examples=[SHOWN],
    )
    def get(self, request: Request, who: str) -> Response:
        return _answer(found(who))

    @extend_schema(
        operation_id="contacts_upsert",
        summary="Write a contact, making it if need be",
        description=(
            "With `user:…` a contact that is not there yet is made. Writes what is named and leaves the rest: "
            "the same request may be sent again at any time."
        ),
        parameters=[WHO],
        request=ContactWritten,
        responses={200: ContactShown, 201: ContactShown, **FAULTS, **NOT_FOUND},
        examples=[SHOWN, WRITTEN],
    )
    def put(self, request: Request, who: str) -> Response:
        body, made = ContactWritten.read(request), False
        if who.startswith("user:"):
            contact_id, made = _for_user(who[5:], body, request)
        else:
            contact_id = found(who)
            _write(contact_id, body, request)
        return _answer(contact_id, 201 if made else 200)

    @extend_schema(
        operation_id="contacts_update",
        summary="Write to a contact",
        description="Writes what is named and leaves the rest; the contact must be there.",
        parameters=[WHO],
        request=ContactWritten,
        responses={200: ContactShown, **FAULTS, **NOT_FOUND},
        examples=[SHOWN, WRITTEN],
    )
    def patch(self, request: Request, who: str) -> Response:
        contact_id = found(who)
        _write(contact_id, ContactWritten.read(request), request)
        return _answer(contact_id)


def _for_user(user_id: str, body: dict[str, Any], request: Request) -> tuple[int, bool]:
    try:
        wanted = writing.Upsert(**body)
        return writing.upsert_user(user_id, wanted, clock.now(), source_of(request))
    except writing.NotWritable as fault:
        raise bad_input(str(fault), fault.field) from fault


class AttributesView(APIView):
    scopes = {"PATCH": WRITE}

    @extend_schema(
        operation_id="contacts_set_attributes",
        summary="Set attributes",
        description="By name or dotted path; null removes one. Answers with all attributes of the contact.",
        parameters=[WHO],
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, **FAULTS, **NOT_FOUND},
        examples=[
            OpenApiExample("Set", {"first_name": "Ann", "subscription.plan": "pro"}, request_only=True),
            OpenApiExample("All of them", ATTRIBUTES, response_only=True),
        ],
    )
    def patch(self, request: Request, who: str) -> Response:
        if not isinstance(request.data, dict):
            raise bad_input('Send a JSON object such as {"plan": "pro"}.')
        contact_id = found(who)
        _write(contact_id, {"attributes": request.data}, request)
        return Response(Contact.objects.values_list("attributes", flat=True).get(pk=contact_id))


class TagsView(APIView):
    scopes = {"POST": WRITE, "DELETE": WRITE}

    @extend_schema(
        operation_id="contacts_add_tags",
        summary="Put tags on a contact",
        description="Tags that do not exist yet are made. Answers with all tags of the contact.",
        parameters=[WHO],
        request=TagsWritten,
        responses={200: TagsShown, **FAULTS, **NOT_FOUND},
        examples=[OpenApiExample("Tags", {"tags": ["vip"]})],
    )
    def post(self, request: Request, who: str) -> Response:
        contact_id = found(who)
        _write(contact_id, {"add_tags": TagsWritten.read(request)["tags"]}, request)
        return _tags(contact_id)

    @extend_schema(
        operation_id="contacts_remove_tags",
        summary="Take tags off a contact",
        parameters=[
            WHO,
            OpenApiParameter("name", OpenApiTypes.STR, required=True, many=True, description="A tag; may be repeated."),
        ],
        responses={200: TagsShown, **FAULTS, **NOT_FOUND},
        examples=[OpenApiExample("The tags left", {"tags": ["vip"]}, response_only=True)],
    )
    def delete(self, request: Request, who: str) -> Response:
        names = request.query_params.getlist("name")
        if not 0 < len(names) <= 100:
            raise bad_input("Name the tags in the URL: ?name=vip&name=new.", "name")
        contact_id = found(who)
        _write(contact_id, {"remove_tags": names}, request)
        return _tags(contact_id)


def _tags(contact_id: int) -> Response:
    names = ContactTag.objects.filter(contact=contact_id).order_by("tag__name")
    return Response({"tags": list(names.values_list("tag__name", flat=True))})


class UnsubscribeView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="contacts_unsubscribe",
        summary="Unsubscribe a contact's address",
        description=(
            "From one topic, or from everything that is marketing. It holds for the address, whoever else has "
            "it, and from the moment of the answer on. Sending it again changes nothing."
        ),
        parameters=[WHO],
        request=UnsubscribeWritten,
        responses={200: OpenApiResponse(UnsubscribeShown), **FAULTS, **NOT_FOUND},
        examples=[
            OpenApiExample("From a topic", {"topic": "news", "source": "account page"}, request_only=True),
            OpenApiExample("Done", {"changed": True, "email": "ann@example.com"}, response_only=True),
        ],
    )
    def post(self, request: Request, who: str) -> Response:
        body = UnsubscribeWritten.read(request)
        contact = Contact.objects.select_related("address").get(pk=found(who))
        if contact.address is None:
            raise bad_input("This contact has no e-mail address, so there is nothing to unsubscribe.", "who")
        changed = consent.unsubscribe(
            contact.address.pk,
            now=clock.now(),
            source=f"API, {source_of(request)}: {body.get('source') or 'not said'}",
            contact_id=contact.pk,
            topic=_topic(body.get("topic")),
            wording=body.get("wording", ""),
        )
        return Response({"changed": changed, "email": contact.address.email})


def _topic(key: str | None) -> Topic | None:
    if not key:
        return None
    topic = Topic.objects.filter(key=key).first()
    if topic is None:
        raise bad_input(f"There is no topic “{key}”; see Topics in the admin.", "topic")
    return topic
