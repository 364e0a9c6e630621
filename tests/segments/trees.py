"""Trees of every shape that a condition may have, for hypothesis: all kinds of leaves, nested anyhow."""

from hypothesis import strategies as st

from lib.durations import UNITS
from segments.operands import WEEKDAYS
from segments.operators import OPERATORS

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(words, numbers, st.booleans())
spans = st.fixed_dictionaries({"amount": numbers, "unit": st.sampled_from(list(UNITS))})
days = st.dates().map(str)


def _with(base: dict, **more) -> st.SearchStrategy:
    """`base` with any of the other keys."""
    return st.fixed_dictionaries(base, optional=more)


frames = st.one_of(
    _with({"in the last": spans}, calendar=st.booleans()), _with({"more than ago": spans}, calendar=st.booleans()),
    _with({"between ago": st.tuples(spans, spans).map(list)}, calendar=st.booleans()),
    st.fixed_dictionaries({"from": days}, optional={"to": days}), st.just({"since": "entry"}),
)  # fmt: skip
VALUES = {
    "nothing": st.none(), "one": scalars, "count": st.integers(0, 9), "span": spans,
    "many": st.lists(scalars, min_size=1, max_size=4), "pair": st.tuples(scalars, scalars).map(list),
    "weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
}  # fmt: skip


@st.composite
def _compared(draw, base: dict, names=tuple(key for key, _ in OPERATORS.items())) -> dict:
    operator = OPERATORS[draw(st.sampled_from(names))]
    value = draw(VALUES[operator.takes.key])
    return base | {"op": operator.key} | ({} if value is None else {"value": value})


def _fields(root: str) -> st.SearchStrategy:
    names = st.sampled_from(["plan", "tags", "created_at", "a.b", "is_test", "ü"])
    types = st.sampled_from([{}, {"type": "text"}, {"type": "number"}, {"type": "list"}])
    return st.builds(lambda name, type_: {"field": f"{root}.{name}", **type_}, names, types).flatmap(_compared)


def _nested(leaves: st.SearchStrategy, max_leaves: int) -> st.SearchStrategy:
    def inside(children):
        lists = st.lists(children, min_size=1, max_size=3)
        return st.one_of(
            lists.map(lambda c: {"all": c}), lists.map(lambda c: {"any": c}), children.map(lambda c: {"not": c})
        )

    return st.recursive(leaves, inside, max_leaves=max_leaves)


where = _nested(_fields("event"), 3)
types = st.sampled_from(["order.completed", "cart.updated", "of our own"])
steps = _with({"event": types}, where=where)
measured = {"measure": st.sampled_from(["sum", "distinct"]), "property": words, "op": st.just("≥"), "value": numbers}
newest = {"measure": st.just("last"), "op": st.just("in the last"), "value": spans}
between = {"op": st.just("between"), "value": st.tuples(numbers, numbers).map(list)}
events = st.one_of(
    _with({"event": types}, where=where, when=frames), _with({"event": types, **measured}, when=frames),
    _with({"event": types, **newest}, where=where), _with({"event": types, **between}, when=frames),
)  # fmt: skip
sequences = _with(
    {"sequence": st.tuples(steps, steps).map(list), "within": spans},
    then=st.sampled_from(["did", "did not"]), same=st.tuples(words, words).map(list), when=frames,
)  # fmt: skip
messages = _with(
    {"message": st.sampled_from(["sent", "opened", "clicked"])},
    by=st.sampled_from(["human", "anyone"]), campaign=st.integers(1), template=st.integers(1), when=frames,
)  # fmt: skip
others = st.one_of(
    st.integers(1).map(lambda pk: {"segment": pk}), _with({"sample": numbers}, of=words),
    _with({"consent": st.sampled_from(["can be mailed", "subscribed", "suppressed"])}, topic=words),
)  # fmt: skip
leaves = st.one_of(_fields("contact"), events, sequences, messages, others)
trees = _nested(leaves, 8)

# What no input shows: unknown kinds, more than a kind knows, groups of nothing.
odd = st.one_of(
    st.just({}), st.just({"all": []}), st.none(), scalars, st.fixed_dictionaries({"of the future": scalars}),
    events.map(lambda leaf: leaf | {"more": 1}), _fields("contact").map(lambda leaf: leaf | {"value": {"deep": [1]}}),
)  # fmt: skip
odd_trees = _nested(odd | leaves, 6).filter(lambda tree: isinstance(tree, dict) and "all" in tree and tree["all"])
