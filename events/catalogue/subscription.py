"""Plans and trials of a subscription business."""

from events.types import EventType, register

PLAN = {"plan": "text", "interval": "text", "value": "number", "currency": "text"}

register(
    EventType(
        "trial.form_started", "Trial form started", triggers="starts the trial form",
        filters="started the trial form", aliases=["Trial Form Started"],
        properties={"plan": "text", "url": "text"},
    ),
    EventType(
        "trial.started", "Trial started", triggers="starts a trial", filters="started a trial",
        aliases=["Trial Started", "Started Trial"],
        properties={"plan": "text", "trial_start_date": "date", "trial_end_date": "date"},
    ),
    EventType(
        "trial.ready", "Trial ready", triggers="has a trial that is ready",
        filters="had a trial that was ready",
        aliases=["Trial Ready", "Trial Provisioned"],
        properties={"url": "text", "trial_end_date": "date"},
    ),
    EventType(
        "subscription.started", "Subscription started", triggers="subscribes to a plan",
        filters="subscribed to a plan",
        aliases=["Subscription Started", "Subscription Created", "Started Subscription"], properties=PLAN,
    ),
    EventType(
        "subscription.cancelled", "Subscription cancelled", triggers="cancels their plan",
        filters="cancelled their plan",
        aliases=["Subscription Cancelled", "Subscription Canceled", "Cancelled Subscription"],
        properties={**PLAN, "reason": "text"},
    ),
    EventType(
        "subscription.upgraded", "Subscription upgraded", triggers="upgrades their plan",
        filters="upgraded their plan", aliases=["Subscription Upgraded", "Plan Upgraded"],
        properties={**PLAN, "previous_plan": "text"},
    ),
)  # fmt: skip
