"""The costs of a template: sums of a readable table, and a clear refusal of every other file."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.local.template_costs import read_template_costs
from deployments.costs import CAMERAS, Evidence, read_costs
from deployments.errors import CostsUnreadable
from deployments.templates import TEMPLATES
from tests.support.repository import ROOT

TERRAFORM = ROOT / "terraform"
FILE = TERRAFORM / "anava" / "costs.json"
TABLE = read_costs(FILE.read_bytes())

SMALL: dict[str, Any] = {
    "date": "2026-11-27",
    "currency": "USD",
    "assumptions": [
        {"name": "days", "value": 30, "unit": "days a month", "text": "A month."},
        {"name": "calls", "value": 1000, "unit": "calls a day", "text": "Many."},
    ],
    "not_included": ["Taxes."],
    "prices": [
        {
            "service": "API Gateway",
            "resource": "google_api_gateway_gateway",
            "item": "calls",
            "unit": "1,000,000 calls",
            "price": 3,
            "per": 1_000_000,
            "free": 2_000_000,
            "at_rest": 500_000,
            "factors": ["days", "calls"],
            "source": "https://cloud.google.com/api-gateway/docs/pricing",
            "evidence": "google",
            "note": "",
        }
    ],
}


def changed(change: Callable[[Any], object]) -> bytes:
    content = json.loads(json.dumps(SMALL))
    change(content)
    return json.dumps(content).encode()


def test_a_quantity_is_the_use_at_rest_and_that_of_each_camera() -> None:
    table = read_costs(changed(lambda _: None))
    (price,) = table.prices

    assert [table.quantity(price, n) for n in CAMERAS] == [500_000, 800_000, 3_500_000, 30_500_000]
    # 3 for each million above the two that are free.
    assert [table.amount(price, n) for n in CAMERAS] == [0, 0, 4.5, 85.5]


def test_a_price_without_factors_does_not_grow_with_the_cameras() -> None:
    table = read_costs(changed(lambda c: c["prices"][0].update(factors=[], at_rest=3_000_000)))

    assert [table.total(n) for n in CAMERAS] == [3, 3, 3, 3]


def test_a_total_is_the_sum_of_the_amounts_that_are_shown() -> None:
    for cameras in CAMERAS:
        amounts = [TABLE.amount(price, cameras) for price in TABLE.prices]
        assert TABLE.total(cameras) == round(sum(amounts), 2)


def test_a_stack_at_rest_costs_nothing_and_more_cameras_cost_more() -> None:
    totals = [TABLE.total(cameras) for cameras in CAMERAS]

    assert totals[0] == 0
    assert totals == sorted(set(totals))


def test_each_price_that_was_not_read_at_google_has_a_note() -> None:
    assert [p.item for p in TABLE.prices if p.evidence is not Evidence.GOOGLE and not p.note] == []


HOSTILE: dict[str, Callable[[Any], object]] = {
    "a missing field": lambda c: c.pop("currency"),
    "an unknown field": lambda c: c.update(discount="x"),
    "an unknown field of a price": lambda c: c["prices"][0].update(script="x"),
    "a price that is no object": lambda c: c["prices"].append("3"),
    "prices that are no list": lambda c: c.update(prices={"0": 3}),
    "a price as a text": lambda c: c["prices"][0].update(price="3"),
    "a price as a truth value": lambda c: c["prices"][0].update(price=True),
    "a negative price": lambda c: c["prices"][0].update(price=-1),
    "no number": lambda c: c["prices"][0].update(price=float("nan")),
    "infinity": lambda c: c["prices"][0].update(free=float("inf")),
    "a number beyond a float": lambda c: c["prices"][0].update(price=10**400),
    "a unit of nothing": lambda c: c["prices"][0].update(per=0),
    "a product beyond a float": lambda c: c["prices"][0].update(per=1e-300, price=1e15),
    "an unknown factor": lambda c: c["prices"][0].update(factors=["nights"]),
    "a factor that is no text": lambda c: c["prices"][0].update(factors=[["days"]]),
    "an assumption twice": lambda c: c["assumptions"].append(c["assumptions"][0]),
    "a source without TLS": lambda c: c["prices"][0].update(source="http://example.com"),
    "a script as a source": lambda c: c["prices"][0].update(source="javascript:alert(1)"),
    "an unknown evidence": lambda c: c["prices"][0].update(evidence="rumour"),
    "a day that is none": lambda c: c.update(date="2026-02-30"),
    "an empty currency": lambda c: c.update(currency=""),
    "a line break": lambda c: c["prices"][0].update(note="a\nb"),
    "the end of a cell": lambda c: c["prices"][0].update(item="a | b"),
    "half a character": lambda c: c["prices"][0].update(item="\ud800"),
    "a long text": lambda c: c["prices"][0].update(note="x" * 601),
    "many entries": lambda c: c.update(not_included=["x"] * 101),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_that_breaks_a_rule_is_refused(name: str) -> None:
    with pytest.raises(CostsUnreadable):
        read_costs(changed(HOSTILE[name]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"date": "2026-11-27", "date": "2026-11-28"}',
        b"9" * 5_000,
        b" " * 1_000_001,
    ],
    ids=["empty", "null", "list", "open", "no UTF-8", "deep", "twice", "digits", "large"],
)
def test_a_file_that_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(CostsUnreadable):
        read_costs(content)


def test_the_refusal_names_the_place_and_the_rule() -> None:
    with pytest.raises(CostsUnreadable, match="/prices/0/per breaks a rule: it is above 0"):
        read_costs(changed(lambda c: c["prices"][0].update(per=0)))


def test_the_anava_template_has_costs_and_the_sandbox_has_none() -> None:
    assert read_template_costs(TERRAFORM, TEMPLATES) == {"anava": TABLE}


def test_a_broken_file_leaves_its_template_without_costs_and_the_log_names_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, content in (("anava", b"{"), ("sandbox", FILE.read_bytes())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "costs.json").write_bytes(content)
    (tmp_path / "folder" / "costs.json").mkdir(parents=True)

    with caplog.at_level(logging.WARNING):
        costs = read_template_costs(tmp_path, ["anava", "sandbox", "folder"])

    assert costs == {"sandbox": replace(TABLE)}
    assert "anava/costs.json is unreadable" in caplog.text
    assert "folder/costs.json is unreadable" in caplog.text
