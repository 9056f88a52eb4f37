"""Monthly costs of a template at Google, from the `costs.json` beside the template."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import cast

from deployments.errors import CostsUnreadable

__all__ = ["CAMERAS", "Assumption", "CostTable", "Evidence", "Price", "read_costs"]

# A stack at rest, and three sizes of customers.
CAMERAS = (0, 10, 100, 1000)
# The file of the template anava has 9 KB.
_MAX_BYTES = 1_000_000
_MAX_CHARACTERS = 600
_MAX_ENTRIES = 100
# Above it a number is a mistake: 10^15 is a million cameras with a billion calls each.
_HIGHEST = 1e15


class Evidence(StrEnum):
    """Where a price was read."""

    GOOGLE = "google"
    COPY = "copy"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Assumption:
    """A factor of a camera's use, such as its calls a day."""

    name: str
    value: float
    unit: str
    text: str


@dataclass(frozen=True)
class Price:
    """The price of a unit, and the use of it in a month.

    A unit is `per` pieces and costs `price`. `free` pieces a month cost nothing. `at_rest` pieces
    are used without a camera, and each camera uses the product of the assumptions in `factors`.
    """

    service: str
    resource: str
    item: str
    unit: str
    price: float
    per: float
    free: float
    at_rest: float
    factors: tuple[str, ...]
    source: str
    evidence: Evidence
    note: str


@dataclass(frozen=True)
class CostTable:
    """The prices of a day with the assumptions; amounts are in `currency` a month."""

    date: str
    currency: str
    assumptions: tuple[Assumption, ...]
    not_included: tuple[str, ...]
    prices: tuple[Price, ...]

    def quantity(self, price: Price, cameras: int) -> float:
        """Return the pieces that a stack with so many cameras uses in a month."""
        values = {assumption.name: assumption.value for assumption in self.assumptions}
        each = math.prod(values[name] for name in price.factors) if price.factors else 0
        return price.at_rest + cameras * each

    def amount(self, price: Price, cameras: int) -> float:
        """Return the monthly amount of a price, rounded to a hundredth."""
        billable = max(0.0, self.quantity(price, cameras) - price.free)
        return round(billable / price.per * price.price, 2)

    def total(self, cameras: int) -> float:
        """Return the sum of the rounded amounts, so that a reader can add up the table."""
        return round(math.fsum(self.amount(price, cameras) for price in self.prices), 2)


def read_costs(content: bytes) -> CostTable:
    """Parse a `costs.json`.

    Raises:
        CostsUnreadable: the content breaks a rule; the message names the place and the rule.
    """
    _hold("the file", len(content) <= _MAX_BYTES, f"has at most {_MAX_BYTES} bytes")
    try:
        parsed = json.loads(content, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise CostsUnreadable(f"the file is no JSON: {error}") from None
    top = _Fields(parsed, "the file")
    table = CostTable(
        date=_date(top.text("date")),
        currency=top.text("currency"),
        assumptions=tuple(_assumption(entry) for entry in top.entries("assumptions")),
        not_included=tuple(top.texts("not_included")),
        prices=tuple(_price(entry) for entry in top.entries("prices")),
    )
    top.end()
    _check_factors(table)
    return table


def _without_doubles(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    _hold("an object", len(fields) == len(pairs), "has each field once")
    return fields


def _assumption(fields: "_Fields") -> Assumption:
    assumption = Assumption(
        fields.text("name"), fields.number("value"), fields.text("unit"), fields.text("text")
    )
    fields.end()
    return assumption


def _price(fields: "_Fields") -> Price:
    evidence, source = fields.text("evidence"), fields.text("source")
    _hold(f"{fields.place}/evidence", evidence in [*Evidence], f"is one of {', '.join(Evidence)}")
    _hold(f"{fields.place}/source", source.startswith("https://"), "begins with https://")
    price = Price(
        service=fields.text("service"),
        resource=fields.text("resource"),
        item=fields.text("item"),
        unit=fields.text("unit"),
        price=fields.number("price"),
        per=fields.number("per"),
        free=fields.number("free"),
        at_rest=fields.number("at_rest"),
        factors=tuple(fields.texts("factors")),
        source=source,
        evidence=Evidence(evidence),
        note=fields.text("note", may_be_empty=True),
    )
    _hold(f"{fields.place}/per", price.per > 0, "is above 0")
    fields.end()
    return price


def _check_factors(table: CostTable) -> None:
    names = [assumption.name for assumption in table.assumptions]
    _hold("/assumptions", len(set(names)) == len(names), "has each name once")
    for index, price in enumerate(table.prices):
        unknown = set(price.factors) - set(names)
        _hold(f"/prices/{index}/factors", not unknown, "names assumptions only")
        largest = table.quantity(price, CAMERAS[-1]) / price.per * price.price
        _hold(f"/prices/{index}", largest <= _HIGHEST, f"leads to at most {_HIGHEST:g}")


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise CostsUnreadable("/date is no day like 2026-11-27") from None


def _hold(place: str, condition: bool, rule: str) -> None:
    if not condition:
        raise CostsUnreadable(f"{place} breaks a rule: it {rule}")


class _Fields:
    """The fields of an object; each is read once, and `end` refuses fields that no rule names."""

    def __init__(self, value: object, place: str) -> None:
        _hold(place, isinstance(value, dict), "is an object")
        self._left = dict(cast("Mapping[str, object]", value))
        self.place = "" if place == "the file" else place

    def _take(self, name: str) -> object:
        _hold(f"{self.place}/{name}", name in self._left, "is present")
        return self._left.pop(name)

    def text(self, name: str, *, may_be_empty: bool = False) -> str:
        return _text(self._take(name), f"{self.place}/{name}", may_be_empty=may_be_empty)

    def number(self, name: str) -> float:
        value, place = self._take(name), f"{self.place}/{name}"
        _hold(place, isinstance(value, int | float) and not isinstance(value, bool), "is a number")
        number = cast("float", value)
        _hold(place, 0 <= number <= _HIGHEST, f"lies between 0 and {_HIGHEST:g}")
        return float(number)

    def _list(self, name: str) -> Iterator[tuple[str, object]]:
        value, place = self._take(name), f"{self.place}/{name}"
        _hold(place, isinstance(value, list), "is a list")
        values = cast("list[object]", value)
        _hold(place, len(values) <= _MAX_ENTRIES, f"has at most {_MAX_ENTRIES} entries")
        return ((f"{place}/{index}", entry) for index, entry in enumerate(values))

    def texts(self, name: str) -> list[str]:
        return [_text(value, place) for place, value in self._list(name)]

    def entries(self, name: str) -> list["_Fields"]:
        return [_Fields(value, place) for place, value in self._list(name)]

    def end(self) -> None:
        unknown = ", ".join(sorted(self._left))[:_MAX_CHARACTERS]
        _hold(self.place or "the file", not self._left, f"has no field {unknown}")


def _text(value: object, place: str, *, may_be_empty: bool = False) -> str:
    _hold(place, isinstance(value, str), "is a text")
    text = cast("str", value)
    _hold(place, may_be_empty or bool(text), "is not empty")
    # A line break or a bar would end a cell of the tables in the documents.
    _hold(place, text.isprintable() and "|" not in text, "has printable characters and no |")
    _hold(place, len(text) <= _MAX_CHARACTERS, f"has at most {_MAX_CHARACTERS} characters")
    return text
