"""The model that comes with the product is that of the table which the issue gives."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import Q
from django.db.models.signals import post_migrate

from contacts.models import Company, CompanyMember
from scoring import starters
from scoring.apps import install_starters
from scoring.checking import problems
from scoring.document import parse
from scoring.models import ScoreModel, ScoreRule
from segments import conditions
from tests.factories import NOW, ContactFactory

pytestmark = pytest.mark.django_db
# Event: points, at most so often.
EARNED = {
    "page.viewed": (1, 50), "product.viewed": (5, 20), "product.added_to_cart": (10, 10), "email.opened": (2, 30),
    "email.clicked": (5, 20), "form.submitted": (15, 5),
}  # fmt: skip


@pytest.fixture
def model():
    return starters.install(NOW)


def test_a_new_site_has_it_switched_off_and_in_force():
    config = apps.get_app_config("scoring")
    post_migrate.connect(install_starters, sender=config)
    try:
        call_command("migrate", verbosity=0)
    finally:
        post_migrate.disconnect(install_starters, sender=config)
    model = ScoreModel.objects.get(key="lead")
    assert not model.is_active and model.edition == 1 and model.draft is None
    assert problems(starters.document()) == [] and parse(model.definition) == starters.document()
    assert (model.bands, model.band_from) == (["Cold", "Warm", "Hot"], [50, 80])


def test_it_is_installed_only_where_there_is_none(model):
    assert starters.install(NOW) is None
    ScoreModel.objects.all().delete()
    assert starters.install(NOW).key == "lead"


def test_behaviour_earns_what_the_table_says(model):
    rules = model.rules.filter(part="engagement")
    assert {rule.event: (rule.points, rule.at_most) for rule in rules} == EARNED
    assert not rules.filter(Q(half_life__isnull=False) | Q(lasts__isnull=False)).exists()


def test_opens_and_clicks_of_machines_earn_nothing(model):
    filtered = ScoreRule.objects.filter(model=model, where__isnull=False).values_list("event", flat=True)
    assert set(filtered) == {"email.opened", "email.clicked"}


def worth(model, contact) -> dict[str, float]:
    """Uid → points of the rules about who somebody is that are true of them."""
    rules = model.rules.filter(part="fit")
    ours = type(contact).objects.filter(pk=contact.pk)
    return {rule.uid: rule.points for rule in rules if conditions.matching(ours, rule.condition, NOW).exists()}


@pytest.mark.parametrize(
    ("title", "points"),
    [
        ("CEO", 20), ("cto", 20), ("VP of Sales", 20), ("Director, Marketing", 20), ("Vice President", 20),
        ("Chief Executive Officer", 20), ("Founder & CEO", 20), ("SVP Sales", 20),
        ("Coach of CTOs", 0), ("Directory editor", 0), ("Engineer", 0), ("", 0),
    ],
)  # fmt: skip
def test_a_title_is_read_as_people_write_it(model, title, points):
    assert worth(model, ContactFactory(attributes={"title": title})).get("title", 0) == points


@pytest.mark.parametrize(
    ("country", "points"),
    [("US", 10), ("usa", 10), ("United States", 10), ("UK", 10), ("GB", 10), ("Canada", 10), ("DE", 0), ("Uganda", 0)],
)
def test_a_country_is_read_by_code_and_name(model, country, points):
    assert worth(model, ContactFactory(attributes={"country": country})).get("country", 0) == points


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        (
            {"employees": 101, "industry": "technology", "revenue": 10_000_001},
            {"size": 15, "industry": 10, "revenue": 25},
        ),
        ({"employees": "250", "industry": "Healthcare"}, {"size": 15, "industry": 10}),
        ({"employees": 100, "industry": "Retail", "revenue": 10_000_000}, {}),
        ({"industry": "Finance"}, {"industry": 10}),
    ],
)
def test_a_company_counts_by_people_industry_and_revenue(model, facts, points):
    ann = ContactFactory()
    CompanyMember.objects.create(contact=ann, company=Company.objects.create(key="acme", attributes=facts))
    assert worth(model, ann) == points
