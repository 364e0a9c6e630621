"""What contributions are worth, in SQL: the one definition that settling, conditions, pages and previews share.

It begins from two relations that the caller names:

    rules(rule_key, part, effect, points, half_life, lasts, cap, group_name, group_cap, position)
    ledger(<keys>, moment, id, rule_key, event_id, at, effect, points, half_life, lasts)

where <keys> are the columns that tell apart whose score it is (a model and a contact, perhaps a moment), and ends
with `parts(<keys>, fit, engagement)`: what each part is worth at the moment, before floor and ceiling. With
`motion`, parts also says how fast that may change by itself: for each part what fades (`…_sinks`, at first by
`…_sink_rate` a second; `…_lifts` where it takes points) and what expires (`…_drops`, `…_rises`), and when the next
contribution expires (`next_expiry`).
"""

# Half a thousandth of a trillionth is nothing; PostgreSQL would refuse a smaller power.
_HALVINGS = 60
PARTS = ("fit", "engagement")

RULES = """
SELECT id AS rule_key, part, effect, points, half_life, lasts, cap, "group" AS group_name, group_cap, position
FROM scoring_scorerule WHERE removed_at IS NULL"""

# What a reset or set leaves of engagement, and which rule decides alone about fit. Those left out are few and looked
# for first: to join everybody's contributions with them twice took twice as long as all the rest.
_COUNTED = """
entry AS (
    SELECT {l_keys}, l.moment, l.id, l.rule_key, l.event_id, l.at, coalesce(r.part = 'fit', false) AS is_fit,
        coalesce(nullif(l.effect, ''), r.effect) = 'add' AS adds, r.position,
        CASE r.effect WHEN 'reset' THEN 0 ELSE coalesce(l.points, r.points) END AS points,
        coalesce(l.half_life, r.half_life) AS half_life, coalesce(l.lasts, r.lasts) AS lasts
    FROM ledger l LEFT JOIN rules r ON r.rule_key = l.rule_key
    WHERE l.rule_key IS NULL OR r.rule_key IS NOT NULL
),
decisive AS (
    SELECT DISTINCT ON ({keys}, is_fit) {keys}, is_fit, id, at, rule_key FROM entry WHERE NOT adds
    ORDER BY {keys}, is_fit, CASE WHEN is_fit THEN position END, CASE WHEN NOT is_fit THEN at END DESC,
        rule_key IS NULL DESC, position, event_id DESC, id DESC
),
passed AS (
    -- At the same instant people's deeds have an order; what a rule adds comes after what a rule resets.
    SELECT e.id, e.moment FROM decisive d JOIN entry e USING ({keys}, is_fit)
    WHERE e.id <> d.id AND (
        e.is_fit OR NOT e.adds OR e.at < d.at
        OR e.at = d.at AND e.rule_key IS NULL AND d.rule_key IS NULL AND e.id < d.id
    )
),
valued AS (
    SELECT *, CASE WHEN age >= lasts THEN 0 WHEN half_life IS NULL THEN points
        ELSE points * power(0.5, least(age / half_life, {halvings})) END AS worth
    FROM (
        SELECT *, least(greatest(date_part('epoch', moment - at), 0), 1e11) AS age FROM entry e
        WHERE NOT EXISTS (SELECT FROM passed p WHERE p.id = e.id AND p.moment = e.moment) {once}
    ) AS counted {once}
)"""
# Else what a contribution is worth would be worked out anew wherever it stands in a sum.
ONCE = "OFFSET 0"

_SUMS = """
of_rule AS (
    SELECT {keys}, rule_key, sum(worth) AS worth{motion_of_rule} FROM valued GROUP BY {keys}, rule_key
),
of_group AS (
    SELECT {keys}, part, sum(worth * share) AS worth, min(group_cap) AS group_cap{motion_of_group}
    FROM (
        SELECT o.*, coalesce(r.part, 'engagement') AS part, coalesce(r.group_name, '') AS group_name, r.group_cap,
            CASE WHEN r.cap < abs(o.worth) THEN r.cap / abs(o.worth) ELSE 1 END AS share{freed}
        FROM of_rule o LEFT JOIN rules r USING (rule_key) {once}
    ) AS capped GROUP BY {keys}, part, group_name
),
parts AS (
    SELECT {keys}, {sums} FROM (
        SELECT {keys}, part, coalesce(least(greatest(worth, -group_cap), group_cap), worth) AS held{motion}
        FROM of_group{others}
    ) AS held GROUP BY {keys}
)"""

# Under a cap a rule's points sink by no more than its capped share of what all of its contributions lose.
_MOTION = {
    "sinks": "sum(worth) FILTER (WHERE half_life IS NOT NULL AND worth > 0)",
    "sink_rate": "sum(worth / half_life) FILTER (WHERE worth > 0)",
    "lifts": "-sum(worth) FILTER (WHERE half_life IS NOT NULL AND worth < 0)",
    "lift_rate": "-sum(worth / half_life) FILTER (WHERE worth < 0)",
    "drops": "sum(worth) FILTER (WHERE lasts IS NOT NULL AND worth > 0)",
    "rises": "-sum(worth) FILTER (WHERE lasts IS NOT NULL AND worth < 0)",
}
_NEXT = "min(at + make_interval(secs => lasts)) FILTER (WHERE lasts IS NOT NULL AND worth <> 0)"
# What fades in a rule over its cap shows only when it has come down to the cap: till then it is like what expires.
_FREED = """,
            CASE WHEN r.cap < abs(o.worth)
                THEN o.as_of + make_interval(secs => r.half_life * ln(abs(o.worth) / r.cap) / ln(2::float8))
            END AS freed"""
_OF_GROUP = {
    name: f"sum({name} * share) FILTER (WHERE freed IS NULL)" for name in ("sinks", "sink_rate", "lifts", "lift_rate")
} | {
    name: f"sum(CASE WHEN freed IS NULL THEN {name} ELSE {fading} END * share)"
    for name, fading in (("drops", "sinks"), ("rises", "lifts"))
}


def parts(keys: str = "model_id, contact_id", motion: bool = False, everybody: str = "") -> str:
    """The named queries from `rules` and `ledger` to `parts`, to stand in a WITH.

    `everybody`: a relation of <keys> whose rows are in `parts` also where they earned nothing (`earned` says so):
    joined with it, thousands would be compared with thousands where the planner expects one.
    """
    of_rule = of_group = moving = others = freed = ""
    sums = [f"coalesce(sum(held) FILTER (WHERE part = '{part}'), 0) AS {part}" for part in PARTS]
    if everybody:
        sums.append("count(part) > 0 AS earned")
        nothing = ", NULL" * (len(_MOTION) + 1) if motion else ""
        others = f" UNION ALL SELECT {keys}, NULL, NULL{nothing} FROM {everybody}"
    if motion:
        moving = "".join(f", {name}" for name in _MOTION) + ", next_expiry"
        of_rule = "".join(f", {sql} AS {name}" for name, sql in _MOTION.items())
        of_rule += f", {_NEXT} AS next_expiry, max(moment) AS as_of"
        of_group = "".join(f", {_OF_GROUP[name]} AS {name}" for name in _MOTION)
        of_group, freed = of_group + ", min(coalesce(freed, next_expiry)) AS next_expiry", _FREED
        sums += [
            f"coalesce(sum({name}) FILTER (WHERE part = '{part}'), 0) AS {part}_{name}"
            for part in PARTS
            for name in _MOTION
        ]
        sums.append("min(next_expiry) AS next_expiry")
    summed = _SUMS.format(
        keys=keys, motion_of_rule=of_rule, motion_of_group=of_group, motion=moving, others=others, freed=freed,
        once=ONCE, sums=", ".join(sums),
    )  # fmt: skip
    return f"{valued(keys)},\n{summed}"


def valued(keys: str = "model_id, contact_id") -> str:
    """The named queries from `rules` and `ledger` to `valued`: what each contribution that counts is worth alone."""
    l_keys = ", ".join(f"l.{key.strip()}" for key in keys.split(",") if key.strip() != "moment")
    return _COUNTED.format(keys=keys, l_keys=l_keys, halvings=_HALVINGS, once=ONCE)


def total(fit: str, engagement: str, model: str = "m") -> str:
    """Both parts together between floor and ceiling, without the last digits in which sums differ by their order."""
    held = f"least(greatest({fit} + {engagement}, {model}.floor), {model}.ceiling)"
    return tidy(held)


def tidy(number: str) -> str:
    return f"(round(({number}) * 1e6) / 1e6)"


def contributions(moment: str) -> str:
    """The columns of the relation `ledger`, from scoring_scorechange as c."""
    return f"""
    c.model_id, c.contact_id, {moment} AS moment, c.id, c.rule_id AS rule_key, c.event_id, c.at, c.effect, c.points,
    c.half_life, c.lasts"""
