"""In a real browser: a marketer brings a spreadsheet, looks at what would happen, and the people are there."""

import re

import pytest
from playwright.sync_api import expect

from contacts.models import Contact, Identity
from lib import clock
from ops import jobs
from segments.models import Membership, Segment
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import ContactFactory, site
from tests.stories.test_browser import Desk, chromium  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
SHEET = "Kundennummer;E-Mail;First Name;Revenue;Born\n" + "".join(
    f"c{n};Reader{n}@Example.com;Ann{n};1.{n:03d},50;{n:02d}.03.1980\n" for n in range(1, 26)
)


def work() -> None:
    while jobs.is_due(clock.now()):
        jobs.run_due(clock.now())


def test_a_marketer_brings_a_spreadsheet(live_server, chromium, tmp_path):  # noqa: F811
    site()
    sheet = tmp_path / "customers.csv"
    sheet.write_text(SHEET + "c99;nobody;Zoe;many;1.1.1990\n;;Nobody;1;\n", "cp1252")
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page

    page.goto("/contacts/import/add/")
    page.set_input_files("[name=file]", str(sheet))
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_text("27 rows").wait_for()
    column = page.locator("[data-column]")
    chosen = [column.nth(n).locator("[name^=use-]").input_value() for n in range(5)]
    assert chosen == ["user_id", "email", "attribute", "attribute", "attribute"]
    assert column.nth(0).locator("[name^=type-]").is_hidden()
    column.nth(3).locator("[name^=type-]").select_option("number_comma")
    column.nth(4).locator("[name^=use-]").select_option("skip")
    expect(column.nth(4).locator("[name^=attribute-]")).to_be_hidden()
    column.nth(4).locator("[name^=use-]").select_option("attribute")
    column.nth(4).locator("[name^=attribute-]").fill("birthday")
    column.nth(4).locator("[name^=type-]").select_option("date_dmy")
    page.get_by_label("Tags for everybody").fill("customer")
    desk.picture("import-columns")
    page.get_by_role("button", name="See what would happen").click()

    page.get_by_text("nothing is written").wait_for()
    work()  # the page renews itself
    page.get_by_text("This is what would happen.").wait_for()
    assert "“Revenue” cannot be read as a number such as 1.234,56." in page.inner_text("#import")
    assert "line 27: many" in page.inner_text("#import") and not Contact.objects.exists()
    desk.picture("import-dry-run")
    page.get_by_role("link", name=re.compile("Import 26 contacts")).click()
    page.get_by_role("button", name="Import 26 contacts").click()
    page.get_by_text("The people are being written").wait_for()
    work()
    page.get_by_text("Ended", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Only what needs a look")).click()
    assert "line,id or e-mail" in download.value.path().read_text("utf-8-sig")

    page.goto("/contacts/contact/?q=reader25@")
    page.get_by_text("Ann25").first.wait_for()
    one = Identity.objects.get(value="c25").contact
    assert one.attributes == {"first_name": "Ann25", "revenue": 1025.5, "birthday": "1980-03-25"}
    assert Contact.objects.filter(tags__name="customer").count() == 26
    assert desk.faults == []


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_a_list_of_another_system_fills_a_segment(live_server, chromium, tmp_path, look):  # noqa: F811
    site()
    fair = Segment.objects.create(name="Met at the fair", kind="static")
    people = [ContactFactory(email=f"reader{n}@example.com") for n in range(5)]
    sheet = tmp_path / "badges.csv"
    sheet.write_text(
        "Badge,Mail\n" + "".join(f"{n},reader{n}@example.com\n" for n in range(3)) + "9,nobody@example.com\n"
    )
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 900}
    scheme = "dark" if look == "dark" else "light"
    desk = Desk(chromium, live_server.url, person("Marketer"), viewport=size, color_scheme=scheme)
    page = desk.page

    page.goto(f"/segments/segment/{fair.pk}/change/")
    page.get_by_role("link", name="Add from a file").click()
    page.set_input_files("[name=file]", str(sheet))
    desk.picture(f"{look}-list-upload")
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_text("4 rows").wait_for()
    assert page.get_by_label("Add them to").locator("option:checked").inner_text() == "Met at the fair"
    page.get_by_label("The column with ids or e-mails").select_option("1")
    fits(page)
    desk.picture(f"{look}-list-columns")
    page.get_by_role("button", name="See what would happen").click()
    page.get_by_text("nothing is written").wait_for()
    work()
    page.get_by_role("link", name=re.compile("Add 3 contacts")).wait_for()
    assert "No contact has this id or e-mail." in page.inner_text("#import")
    assert "line 5: nobody@example.com" in page.inner_text("#import")
    fits(page)
    desk.picture(f"{look}-list-dry-run")
    page.get_by_role("link", name=re.compile("Add 3 contacts")).click()
    page.get_by_role("button", name="Add 3 contacts").click()
    page.get_by_text("The people are being written").wait_for()
    work()
    page.get_by_text("Ended", exact=True).wait_for()
    fits(page)
    desk.picture(f"{look}-list-ended")
    stays = Membership.objects.filter(segment=fair, entered_by="import")
    assert {stay.contact for stay in stays} == set(people[:3]) and Contact.objects.count() == 5
    assert desk.faults == []


def fits(page) -> None:
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) <= 0, "the page is wider than the window"
