"""The list of templates, with costs where a template has prices."""

from dataclasses import replace

import httpx

from adapters.local.template_costs import read_template_costs
from api.app import build
from api.dependencies import Services
from deployments.templates import TEMPLATES
from tests.api.serving import in_process
from tests.support.repository import ROOT

COSTS = read_template_costs(ROOT / "terraform", TEMPLATES)


async def listed(services: Services) -> httpx.Response:
    async with in_process(build(services)) as session:
        return await session.get("/api/templates")


async def test_each_template_is_listed_and_the_sandbox_has_no_costs(services: Services) -> None:
    answer = await listed(replace(services, costs=COSTS))

    assert answer.status_code == 200
    anava, sandbox = answer.json()["items"]
    assert (anava["name"], sandbox) == ("anava", {"name": "sandbox", "costs": None})
    assert answer.json()["next_cursor"] is None


async def test_the_amounts_are_those_of_the_table(services: Services) -> None:
    anava, _ = (await listed(replace(services, costs=COSTS))).json()["items"]
    costs, table = anava["costs"], COSTS["anava"]

    assert (costs["date"], costs["currency"]) == (table.date, "USD")
    assert [(row["cameras"], row["amount"]) for row in costs["monthly"]] == [
        (cameras, table.total(cameras)) for cameras in (0, 10, 100, 1000)
    ]
    for body, price in zip(costs["prices"], table.prices, strict=True):
        assert (body["price"], body["source"]) == (price.price, price.source)
        assert [row["amount"] for row in body["monthly"]] == [
            table.amount(price, cameras) for cameras in (0, 10, 100, 1000)
        ]


async def test_a_template_that_the_service_does_not_offer_is_not_listed(
    services: Services,
) -> None:
    answer = await listed(replace(services, costs=COSTS, templates=frozenset({"anava"})))

    assert [item["name"] for item in answer.json()["items"]] == ["anava"]


async def test_a_template_with_unreadable_prices_is_listed_without_costs(
    services: Services,
) -> None:
    answer = await listed(replace(services, costs={}))

    assert [item["costs"] for item in answer.json()["items"]] == [None, None]
