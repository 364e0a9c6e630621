"""Conditions of every kind, by name: what they read is written, and turned by time, in the tests of memberships."""


def field(path, op, value=None, **more):
    return {"field": path, "op": op} | ({} if value is None else {"value": value}) | more


def event(key="order.completed", **more):
    return {"event": key, **more}


def span(amount, unit="days"):
    return {"amount": amount, "unit": unit}


PRO = field("contact.plan", "is", "pro")
LAST = {"in the last": span(3)}
BEFORE = {"more than ago": span(2)}
BETWEEN = {"between ago": [span(1), span(4)]}
TODAY = {"in the last": span(2), "calendar": True}
LARGE = field("event.total", ">", 50, type="number")

TREES = {
    "everyone": {},
    "pro": PRO,
    "not pro": {"not": PRO},
    "no plan": field("contact.plan", "is not set"),
    "mailed at example.org": field("contact.email", "ends with", "example.org"),
    "tagged": field("contact.tags", "contains any", ["vip"]),
    "seen lately": field("contact.last_seen_at", "in the last", span(2)),
    "seen long ago": field("contact.last_seen_at", "more than ago", span(2)),
    "trial ends soon": field("contact.trial_ends", "in the next", span(3), type="date"),
    "trial ended": field("contact.trial_ends", "more than ago", span(12, "hours"), type="date"),
    "of a company": field("company.key", "is", "acme"),
    "of a larger company": field("company.size", ">", 12, type="number"),
    "birthday soon": field("contact.born", "anniversary in the next", span(7), type="date"),
    "bought": event(),
    "never bought": {"not": event()},
    "twice in three days": event(op="≥", value=2, when=LAST),
    "not lately": event(op="is", value=0, when=LAST),
    "long ago": event(when=BEFORE),
    "in between": event(when=BETWEEN, where=LARGE),
    "these two days": event(when=TODAY),
    "spent much": event(measure="sum", property="total", op="≥", value=100),
    "spent much lately": event(measure="sum", property="total", op="≥", value=100, when=LAST),
    "first lately": event(measure="first", op="in the last", value=span(2)),
    "last long ago": event(measure="last", op="more than ago", value=span(2)),
    "bought as a pro": {"all": [PRO, event(when=LAST)]},
    "either": {"any": [field("contact.tags", "contains any", ["vip"]), {"not": event(when=LAST)}]},
    "viewed, not bought": {"sequence": [event("product.viewed"), event()], "then": "did not", "within": span(1)},
    "viewed and bought": {"sequence": [event("product.viewed"), event()], "within": span(1), "when": LAST},
    "read a mail lately": {"message": "opened", "when": LAST},
    "unsubscribed": {"consent": "unsubscribed from everything"},
    "can be mailed": {"consent": "can be mailed"},
    "half": {"sample": 50, "of": "spring"},
}
