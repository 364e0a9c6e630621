import pytest
from django.core.management import call_command

from ops.models import ApiKey, Source

pytestmark = pytest.mark.django_db


def test_the_key_and_nothing_else_is_printed(capsys):
    call_command("createapikey", "--kind", "write", "--source", "Web shop")
    said = capsys.readouterr()
    key = ApiKey.objects.with_text(said.out.strip())
    assert said.out == said.out.strip() + "\n" and said.out.startswith("dlw_") and said.err == ""
    assert (key.kind, key.source.name, key.scopes) == ("write", "Web shop", [])


def test_keys_of_one_source_share_it(capsys):
    for _ in range(2):
        call_command("createapikey", kind="server", source="Web shop")
    assert Source.objects.count() == 1 and ApiKey.objects.count() == 2
    assert set(ApiKey.objects.first().scopes) == set(ApiKey.Scope.values)


def test_scopes_may_be_chosen(capsys):
    call_command("createapikey", "--kind=server", "--source=x", "--scope=events:read", "--scope=contacts:read")
    assert ApiKey.objects.get().scopes == ["events:read", "contacts:read"]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--kind", "write"],
        ["--source", "x"],
        ["--kind", "admin", "--source", "x"],
        ["--kind", "write", "--source", "  "],
        ["--kind", "write", "--source", "x" * 81],
        ["--kind", "write", "--source", "x\ny"],
        ["--kind", "write", "--source", "x", "--scope", "events:read"],
        ["--kind", "server", "--source", "x", "--scope", "everything"],
    ],
)
def test_a_mistake_is_one_sentence_and_makes_nothing(options, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("createapikey", *options)
    said = capsys.readouterr()
    assert (
        ended.value.code == 1 and said.out == "" and said.err.strip().endswith(".") and len(said.err.splitlines()) == 1
    )
    assert not ApiKey.objects.exists() and not Source.objects.exists()
