"""The leaf that asks what an address said about mail: {"consent": "subscribed", "topic": "news"}.

“Can be mailed” is what sending itself asks (contacts.consent.verdicts), written as a condition; a test holds
the two together. The other states are what was said, word for word.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.fields import CharField

from contacts.models import Address, Contact, Subscription, Suppression, Topic
from segments.fields import as_json
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted, superfluous
from segments.sql import Certain, Sql, among, some

SAID = Subscription.State
# State → what the sentence says, with a topic and without.
STATES = {
    "can be mailed": ("they can be mailed about {}", "they can be mailed"),
    "subscribed": ("they are subscribed to {}", "they are subscribed to a topic"),
    "pending": ("they have not confirmed {} yet", "they have not confirmed a topic yet"),
    "unsubscribed": ("they unsubscribed from {}", "they unsubscribed from a topic"),
    "unsubscribed from everything": ("", "they unsubscribed from everything"),
    "suppressed": ("", "their address is suppressed"),
    "no address": ("", "they have no e-mail address"),
}
IN_ALL = [state for state, (about_topic, _) in STATES.items() if not about_topic]


class ConsentLeaf(LeafKind):
    """Without a topic: about any of them; “can be mailed” then asks of the address alone."""

    key = "consent"

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        state, topic = leaf["consent"], leaf.get("topic")
        if not isinstance(state, str) or state not in STATES:
            yield Problem(joined_path(path, "consent"), f"Choose one of: {', '.join(STATES)}.")
        elif topic is not None and state in IN_ALL:
            yield Problem(joined_path(path, "topic"), f"{quoted(state)} is about all topics; remove the topic.")
        elif topic is not None and (not isinstance(topic, str) or not topic):
            yield Problem(joined_path(path, "topic"), "Choose a topic by its key, such as news, or none.")
        elif topic and scope.asks_database and topic not in _topics(scope):
            yield Problem(joined_path(path, "topic"), f"There is no topic {quoted(topic)}; choose another one.")
        yield from superfluous(leaf, {"consent", "topic"}, path)

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        state, address = leaf["consent"], scope.address_id
        if state == "no address":
            return Certain("({a} IS NULL)", a=F(address))
        theirs = Address.objects.filter(pk=OuterRef(address))
        if state == "suppressed":
            return some(theirs.filter(_suppressed()))
        if state == "unsubscribed from everything":
            return some(theirs.filter(unsubscribed_at__isnull=False))
        if state in SAID.values:
            return some(_said(scope, leaf.get("topic")).filter(state=state))
        mailable = some(theirs.filter(_may_be_mailed(scope.now)))
        if topic := leaf.get("topic"):
            return Sql("({address} AND {topic})", address=mailable, topic=_allows(topic, scope))
        return mailable

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        about_topic, in_all = STATES[leaf["consent"]]
        key = leaf.get("topic")
        return about_topic.format(quoted(_topics(scope).get(key, key))) if key else in_all

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        return []

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        yield from ("consent", "email")

    def turns(self, leaf: dict[str, Any], scope: Scope, since: datetime) -> Iterator[QuerySet]:
        """A mailbox that could not take mail is tried again."""
        if leaf["consent"] == "can be mailed":
            held = Contact.objects.current().filter(address__held_until__gt=since, address__held_until__lte=scope.now)
            yield held.values_list("pk", flat=True)

    def seen(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        """The first of these that is so, in words."""
        address = scope.address_id
        theirs = Address.objects.filter(pk=OuterRef(address))
        words = [
            When(_if(Sql("({a} IS NULL)", a=F(address))), then=Value("no e-mail address")),
            When(_if(Exists(theirs.filter(_suppressed()))), then=Value("the address is suppressed")),
            When(_if(Exists(theirs.filter(unsubscribed_at__isnull=False))), then=Value("unsubscribed from everything")),
            When(_if(Exists(theirs.filter(held_until__gt=scope.now))), then=Value("on hold after a soft bounce")),
        ]
        for state in ("unsubscribed", "pending", "subscribed"):
            said = Exists(_said(scope, leaf.get("topic")).filter(state=state))
            words.append(When(_if(said), then=Value(SAID(state).label.lower())))
        return as_json(Case(*words, default=Value("said nothing"), output_field=CharField()))

    def vanished(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        if (topic := leaf.get("topic")) and topic not in _topics(scope):
            yield f"The topic {quoted(topic)} was deleted; nobody fits."


def _if(test: Combinable) -> Q:
    return Q(test)


def _suppressed() -> Combinable:
    return Exists(Suppression.objects.filter(digest=OuterRef("digest"), cleared_at=None))


def _may_be_mailed(now: datetime) -> Q:
    not_held = Q(held_until=None) | Q(held_until__lte=now)
    return Q(unsubscribed_at=None) & not_held & ~Q(_suppressed())


def _said(scope: Scope, topic: str | None) -> QuerySet[Subscription]:
    rows = Subscription.objects.filter(address=OuterRef(scope.address_id))
    if scope.only is not None:
        rows = rows.filter(address__in=Contact.objects.filter(among(F("pk"), scope.only)).values("address"))
    return rows.filter(Sql("({t} = {id})", t=F("topic_id"), id=_of_topic(topic, "pk"))) if topic else rows


def _of_topic(key: str, column: str) -> Combinable:
    """Looked up once, not for every contact."""
    return Subquery(Topic.objects.filter(key=key).order_by().values(column))


def _allows(topic: str, scope: Scope) -> Combinable:
    """May this address be written to about the topic? Fails closed, as sending does."""
    said = _said(scope, topic)
    return Sql(
        "(NOT {refused} AND ({basis} = {other} OR {basis} <> '' AND {agreed}))",
        refused=some(said.exclude(state=SAID.SUBSCRIBED)),
        agreed=some(said.filter(state=SAID.SUBSCRIBED)),
        basis=_of_topic(topic, "basis"),
        other=Value(Topic.Basis.OTHER),
    )


def _topics(scope: Scope) -> dict[str, str]:
    if "topics" not in scope.memo:
        scope.memo["topics"] = dict(Topic.objects.values_list("key", "name"))
    return scope.memo["topics"]
