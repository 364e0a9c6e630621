"""A wrong environment ends in one sentence that names the variable and says what to write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path):
    """What `python …` says when it is started with these variables: exit code, standard error."""

    def start(*arguments: str, **told: str) -> tuple[int, str]:
        env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres:///nowhere", **told}
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
        return done.returncode, done.stderr.strip()

    return start


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("PORT", "abc", "write a number from 1 to 65535, such as 8000."),
        ("DATABASE_URL", "user:s3cret@host/name", "write postgres://"),
        ("DATABASE_URL", "mysql://user:s3cret@host/name", "write postgres://"),
        ("PUBLIC_URL", "foo", "write an address such as https://"),
        ("DEBUG", "maybe", "write true or false."),
        ("EMAIL_URL", "foo://user:s3cret@x", "write smtp://"),
    ],
)
def test_a_wrong_variable_is_one_sentence_and_shows_no_secret(start, name, value, remedy):
    code, said = start("manage.py", "check", **{name: value})
    assert code == 1
    assert said.startswith(f"The environment variable {name} is wrong: {remedy}")
    assert "\n" not in said and "s3cret" not in said


def test_the_site_is_not_prepared_with_a_wrong_variable(start):
    assert start("-m", "config.prepare", "site", SSL_REDIRECT="ja") == (
        1,
        "The environment variable SSL_REDIRECT is wrong: write true or false.",
    )


def test_a_provider_that_lacks_its_token_is_noticed_before_a_mail_is_due(start):
    code, said = start("-m", "config.prepare", "site", EMAIL_URL="anymail+postmark://")
    assert code == 1
    assert said.startswith("The environment variable EMAIL_URL is not complete:")
    assert "POSTMARK_SERVER_TOKEN" in said and "\n" not in said


def test_a_folder_that_cannot_be_made_is_named(start, tmp_path):
    (tmp_path / "file").touch()
    _, said = start("manage.py", "check", DATA_DIR=str(tmp_path / "file" / "data"))
    assert said.endswith("The environment variable DATA_DIR is wrong: name a folder that is there or can be made.")


def test_nothing_need_be_set_and_the_secret_is_kept_for_its_owner_alone(start, tmp_path):
    reading = "from config import settings; print(settings.SECRET_KEY, settings.PUBLIC_URL)"
    first = subprocess.check_output(
        [sys.executable, "-c", reading], cwd=ROOT, env={"DATA_DIR": str(tmp_path)}, text=True
    )
    again = subprocess.check_output(
        [sys.executable, "-c", reading], cwd=ROOT, env={"DATA_DIR": str(tmp_path), "PORT": " "}, text=True
    )
    assert first == again
    assert first.split()[1] == "http://127.0.0.1:8000" and len(first.split()[0]) == 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


READERS = {
    environment.flag: (["true", "Yes", "0", "off"], ["maybe", "ja", "truee"]),
    lambda name: environment.number(name, 4, most=64): (["1", "64"], ["0", "65", "-1", "two", "1.5"]),
    lambda name: environment.one_of(name, "INFO", "INFO", "ERROR"): (["info", "ERROR"], ["loud"]),
    lambda name: environment.names(name, []): (["a.example.com, b.example.com", "*"], [",", "https://a.example.com"]),
    lambda name: environment.web_address(name, ""): (
        ["https://mail.example.com", "http://[::1]:8000/"],
        ["mail.example.com", "https://", "ftp://x", "https://x/path", "http://x:port", "http://user:word@x"],
    ),
    lambda name: environment.rate(name, "6000/min"): (["1/s", "100/hour"], ["100", "0/s", "many/min", "5/year"]),
    environment.clock_offset: (["86400", "-3.5", "file:/tmp/offset"], ["tomorrow"]),
    lambda name: environment.database(name, "postgres:///x"): (
        ["postgres://u:p@h:5432/n", "postgresql:///n"],
        ["name", "sqlite:///x", "mysql://h/n", "postgres://u:p@h:port/n"],
    ),
    lambda name: environment.mail_server(name, ""): (
        ["smtp://h", "smtp+tls://u:p@h:587", "smtp+ssl://h", "anymail+amazon-ses://", "anymail+postmark://?a=b"],
        ["h:25", "smtp://", "smtp://h:abc", "anymail+nobody://", "anymail+://", "anymail://", "https://h"],
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_meant_is_taken_and_anything_else_is_named(reader, monkeypatch):
    right, wrong = READERS[reader]
    for value in right:
        monkeypatch.setenv("A_SETTING", value)
        reader("A_SETTING")
    for value in wrong:
        monkeypatch.setenv("A_SETTING", value)
        with pytest.raises(ImproperlyConfigured, match=r"^The environment variable A_SETTING is wrong: .+\.$"):
            reader("A_SETTING")
