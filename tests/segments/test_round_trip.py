"""Whatever tree is drawn comes back as it was: in a real browser, for trees of every shape."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browsers import CHROMIUM, chromium
from tests.segments.bench import logged_in
from tests.segments.trees import odd_trees, trees

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop of its own in this thread
ROUND = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

# Draws a tree in the box of the page and writes it, as every change does; tells what was written and what was kept
# as a sentence.
DRAW = """async (text) => {
  const [{ Builder }, { offers }] = await Promise.all(
    ["builder", "offers"].map((name) => import(`/static/segments/builder/${name}.js`)));
  const box = document.querySelector("[data-conditions]");
  const found = await offers(new URL("?" + new URLSearchParams({ subject: "contact", event_type: "" }),
    new URL(box.dataset.offersUrl, location.href)).href);
  box.querySelector("input[type=hidden]").value = text;
  const builder = new Builder(box, found, {});
  builder.eventType = () => "";
  builder.write();
  return [box.querySelector("input[type=hidden]").value, box.querySelectorAll("[data-tree] .dc-words").length];
}"""


@pytest.fixture(scope="module")
def chrome():
    with chromium() as browser:
        yield browser


def test_a_tree_that_was_drawn_comes_back_equal_and_every_part_of_it_has_inputs(chrome, live_server):
    bench = logged_in(chrome, live_server.url).open()

    @ROUND
    @given(trees)
    def comes_back(tree):
        text, kept = bench.page.evaluate(DRAW, json.dumps(tree))
        assert (json.loads(text), kept) == (tree, 0)

    @ROUND
    @given(st.lists(odd_trees | trees, min_size=2, max_size=3).map(lambda several: {"all": several}))
    def comes_back_with_what_cannot_be_drawn(tree):
        text, _ = bench.page.evaluate(DRAW, json.dumps(tree))
        assert json.loads(text) == tree

    comes_back()
    comes_back_with_what_cannot_be_drawn()
    bench.page.context.close()
    assert bench.faults == []
