import pytest
import yaml
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_the_description_is_complete(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(path))
    schema = yaml.safe_load(path.read_text())
    assert len(schema["paths"]) == 31
    for address, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["security"] == [{"serverKey": []}], (address, method)
            answers = operation["responses"]
            answer = next(answers[status] for status in ("200", "201", "202", "204") if status in answers)
            assert "204" in answers or answer["content"]["application/json"]["examples"], (address, method)
            assert "401" in operation["responses"]


def test_the_page_of_the_description_works_offline_under_our_policy(client):
    page = client.get("/api/docs/")
    assert page.status_code == 200
    policy, text = page["Content-Security-Policy"], page.content.decode()
    assert "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert "http://" not in text and "https://" not in text and "<script>" not in text
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript") and b"/api/schema/" in script.content
    assert client.get("/api/schema/").status_code == 200
