"""What the columns of a file may be, from their headers and the first of their values: a proposal, never more."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from contacts.addresses import NotAnAddress, normalise
from contacts.import_files import Line
from contacts.import_types import fits
from contacts.traits import SPELLINGS, ZONES
from contacts.writing import OWN_COLUMNS

LOOKED_AT, SHOWN, LONGEST_SAMPLE = 200, 3, 60
USES = {
    "user_id": "User id",
    "email": "E-mail",
    "timezone": "Time zone",
    "tags": "Tags",
    "attribute": "Attribute",
    "skip": "– leave out –",
}
HEADERS = {
    "user_id": {"id", "userid", "externalid", "customerid", "contactid", "clientid", "memberid", "uid", "kundennummer"},
    "email": {"email", "emailaddress", "mail", "emailadresse", "correo", "courriel"},
    "timezone": {"timezone", "tz", "zeitzone"},
    "tags": {"tags", "tag", "labels", "schlagworte"},
}
# In the order in which they are tried; a whole number is also seconds, which nobody is thought to mean.
TRIED = ("date", "date_mdy", "date_dmy", "number", "number_comma", "yes_no")
LIKE_A_CODE = re.compile(r"(^|_)(id|zip|postal|postcode|plz|phone|tel|telefon|mobile|number|nr|no|code|sku)(_|$)")


def describe(names: Sequence[str], rows: Iterable[Line]) -> list[dict[str, Any]]:
    """Of each column: its name, the first values that differ, and what it is taken for."""
    looked_at = list(islice(rows, LOOKED_AT))
    columns, taken = [], set[str]()
    for place, name in enumerate(names):
        values = [cells[place].strip() for _, cells in looked_at if place < len(cells) and cells[place].strip()]
        use = _use(name, values, taken)
        taken.add(use)
        samples = [_cut(value) for value in islice(dict.fromkeys(values), SHOWN)]
        attribute = attribute_name(name)
        columns.append(
            {"name": name, "samples": samples, "use": use, "attribute": attribute, "type": _type(attribute, values)}
        )
    return columns


def attribute_name(header: str) -> str:
    """`First Name` and `firstName` as `first_name`."""
    spelled = SPELLINGS.get(header.strip(), header.strip())
    name = re.sub(r"[^\w.]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", spelled)).strip("_.").lower()
    name = re.sub(r"\.{2,}", ".", name)[:80]
    return f"{name}_" if name in OWN_COLUMNS else name or "column"


def _use(name: str, values: list[str], taken: set[str]) -> str:
    header = re.sub(r"[^a-z0-9]", "", name.lower())
    for use, headers in HEADERS.items():
        if header in headers and use not in taken:
            return use
    if not values:
        return "skip"
    if "email" not in taken and _share(values, _is_address) > 0.8:
        return "email"
    if "timezone" not in taken and _share(values, ZONES.__contains__) > 0.8:
        return "timezone"
    return "attribute"


def _type(attribute: str, values: list[str]) -> str:
    if not values or LIKE_A_CODE.search(attribute) or any(_has_leading_zero(value) for value in values):
        return "date" if fits("date", values) else "text"
    if all(value in ("0", "1") for value in values):
        return "number"
    return next((key for key in TRIED if fits(key, values)), "text")


def _has_leading_zero(value: str) -> bool:
    """A postal code or an article number, which is not for counting."""
    return len(value) > 1 and value[0] == "0" and value[1:].isdigit()


def _share(values: list[str], test) -> float:
    return sum(map(bool, map(test, values))) / len(values)


def _is_address(value: str) -> bool:
    try:
        return "@" in value and bool(normalise(value))
    except NotAnAddress:
        return False


def _cut(value: str) -> str:
    value = value.replace("\x00", "")
    return value if len(value) <= LONGEST_SAMPLE else f"{value[:LONGEST_SAMPLE]}…"
