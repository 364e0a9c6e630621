"""The documentation keeps up: what is registered is listed, what is linked is there, what is shown runs."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import rudderstack.analytics as rudder
import segment.analytics as segment
from django.db.models import CheckConstraint, DateTimeField, Value

from automation.models import Call, Enrollment
from campaigns.models import Campaign, Message
from campaigns.step_kinds import STEP_KINDS
from config import environment
from contacts.models import Change, Contact, Identity
from events import types
from events.models import Event
from integrations.connectors import CONNECTORS
from integrations.models import Push
from ops.models import ApiKey, Job, Source
from segments.operators import OPERATORS
from tests.factories import NOW

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


def code(page: str) -> set[str]:
    """What stands between backticks."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


# --- what is registered is listed ---


def test_every_event_type_is_listed():
    assert {event_type.key for event_type in types.registry} <= code(read("docs/event-api.md"))


def test_every_step_kind_is_listed_with_its_label():
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", read("docs/adding-a-step-kind.md"), re.MULTILINE))
    assert listed == {kind.key: kind.label for kind in STEP_KINDS}


def test_every_connector_is_described():
    assert all(connector.label in read("docs/connecting-a-crm.md") for connector in CONNECTORS)


def test_every_operator_of_conditions_is_listed():
    assert {operator.key for operator in OPERATORS} <= code(read("docs/conditions.md"))


def test_every_queue_of_work_is_named():
    from ops.work import QUEUES

    queues = re.search(r"`ops.work` knows the queues: ([^.]+)\.", read("docs/how-it-works.md")).group(1)
    assert set(re.findall(r"\*(\w+)\*", queues)) == {queue.key for queue in QUEUES}


# --- settings ---


def variables_read() -> set[str]:
    """Environment variables that the code reads: by config.environment, by os.environ, by the runner's ports."""
    readers = {name for name in vars(environment) if not name.startswith("_")} | {"_port"}
    found = set()
    for path in [*(ROOT / "config").glob("*.py"), *(ROOT / "lib").glob("*.py"), ROOT / "manage.py"]:
        text = path.read_text()
        found |= set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in readers and re.fullmatch(r"[A-Z_]+", str(node.args[0].value)):
                    found.add(node.args[0].value)
    assert len(found) > 15, "the search still finds what it looks for"
    return found - {"DJANGO_SETTINGS_MODULE"}


def test_every_environment_variable_is_listed_and_none_that_is_not_read():
    first_table = read("docs/settings.md").split("###")[0]
    listed = {name for row in re.findall(r"^\| (`.+?) \|", first_table, re.MULTILINE) for name in code(row)}
    assert {name for name in listed if not name.startswith("DJANGO_SUPERUSER")} == {
        name for name in variables_read() if not name.startswith("DJANGO_SUPERUSER")
    }


def test_the_readme_names_only_variables_that_are_read():
    table = re.search(r"^\| variable .*?\n\n", read("README.md"), re.DOTALL | re.MULTILINE).group()
    named = {name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in code(row)}
    assert named <= variables_read()
    assert {"DATABASE_URL", "PORT", "EMAIL_URL", "DATA_DIR", "SECRET_KEY", "PUBLIC_URL"} <= named


def test_every_target_of_the_makefile_is_listed_and_none_that_is_not_there():
    targets = {f"make {name}" for name in re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE)}
    assert targets <= code(read("docs/engineers.md"))
    for page in PAGES:
        shown = re.findall(r"`(make [a-z-]+)", page.read_text()) + re.findall(
            r"^(make [a-z-]+)", "\n".join(blocks(page.read_text(), "sh")), re.MULTILINE
        )
        assert set(shown) <= targets, page.name


# --- states ---

STATES = {section.split("\n")[0]: section for section in re.split(r"^## ", read("docs/states.md"), flags=re.MULTILINE)}


def states_listed(section: str) -> dict[str, str]:
    """State → what its second column says."""
    table = re.search(r"^\| state \|.*?\n\n", section, re.DOTALL | re.MULTILINE).group()
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", table, re.MULTILINE))


@pytest.mark.parametrize("model", [Campaign, Enrollment, Message, Call, Push, Job], ids=lambda model: model.__name__)
def test_the_states_are_those_of_the_model(model):
    assert list(states_listed(STATES[model.__name__])) == model.State.values


@pytest.mark.parametrize("name", ["Campaign", "Enrollment", "Message", "Call", "Push", "Job", "Change"])
def test_the_diagram_the_table_of_moves_and_the_states_agree(name):
    section = STATES[name]
    drawn = set(re.findall(r"^\s+(\S+) --> (\w+)", section, re.MULTILINE))
    told = set(re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", section, re.MULTILINE))
    assert drawn == told
    assert {state for move in drawn for state in move} - {"[*]"} <= set(states_listed(section))


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Enrollment, Message, Call, Push, Job], ids=lambda model: model.__name__)
def test_what_is_said_of_due_at_is_what_the_database_enforces(model):
    [check] = [
        constraint.condition
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint) and "due" in constraint.name
    ]
    for state, due_at in states_listed(STATES[model.__name__]).items():
        assert due_at in ("set", "empty")
        for value in (NOW, None):
            row = {"state": state, "due_at": Value(value, DateTimeField())}
            assert check.check(row) == ((value is not None) == (due_at == "set")), state


def test_every_outcome_of_a_message_and_every_kind_of_change_is_named():
    assert set(Message.Outcome.values) <= code(STATES["Message"])
    assert set(Change.Kind.values) <= code(STATES["Change"])


# --- links, code ---


def links() -> list:
    return [
        pytest.param(page, target, id=f"{page.relative_to(ROOT)} → {target}")
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text()))
        if not target.startswith(("http://", "https://", "mailto:"))
    ]


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("origin", "target"), links())
def test_links_lead_somewhere(origin, target):
    path, _, anchor = target.partition("#")
    found = origin.parent / path if path else origin
    assert found.exists(), "there is no such file"
    assert not anchor or anchor in anchors(found.read_text()), "there is no such heading"


def test_every_page_is_in_the_index():
    index = read("docs/README.md")
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= set(re.findall(r"\(([\w-]+\.md)\)", index))


@pytest.mark.parametrize("shown", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_that_is_shown_can_be_read(shown):
    for block in blocks(shown.read_text(), "python"):
        compile(block, str(shown), "exec")


# --- the README's first event ---


@pytest.fixture
def first_steps(live_server):
    """Fills the README's snippets with a real key and address."""
    text = ApiKey.objects.create_key("write", Source.objects.create(name="Web shop"))[1]
    yield lambda snippet: snippet.replace("dlw_…", text).replace("http://127.0.0.1:8000", live_server.url)
    for client in (segment, rudder):
        if client.default_client:
            client.shutdown()
            client.default_client = None
        client.request._session.close()  # a kept connection keeps the server's thread, and that its database connection


def signed_up() -> dict[str, str]:
    people = {row.value: row.contact for row in Identity.objects.all()}
    events = Event.objects.filter(type="users.signed_up", properties__plan="free")
    return {who: contact.email for who, contact in people.items() if events.filter(contact=contact).count() == 1}


@pytest.mark.django_db(transaction=True)
def test_the_readmes_clients_send_what_they_say(first_steps):
    for snippet in blocks(read("README.md"), "python"):
        exec(compile(first_steps(snippet), "README.md", "exec"), {})  # noqa: S102  our own page
    assert signed_up() == {"u-2": "ben@example.com", "u-3": "cleo@example.com"}
    assert Contact.objects.get(address__email="ben@example.com").name == "Ben"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed.")
@pytest.mark.django_db(transaction=True)
def test_the_readmes_curl_sends_what_it_says(first_steps):
    [command] = [block for block in blocks(read("README.md"), "sh") if block.startswith("curl")]
    said = subprocess.run(["sh", "-c", first_steps(command)], capture_output=True, text=True, timeout=30)
    assert said.stdout == '{"received": 2}'
    assert signed_up() == {"u-1": "ada@example.com"}
