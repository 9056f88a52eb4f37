"""Bodies about templates and their costs."""

from typing import Annotated

from pydantic import BaseModel, Field

from deployments.costs import CAMERAS, CostTable, Evidence, Price

__all__ = ["AmountBody", "AssumptionBody", "CostsBody", "PriceBody", "TemplateBody", "TemplateList"]


class AmountBody(BaseModel):
    """The amount of a month for a number of cameras; 0 cameras are a stack at rest."""

    cameras: Annotated[int, Field(examples=[10])]
    amount: Annotated[float, Field(examples=[1.26])]


class AssumptionBody(BaseModel):
    """A factor of a camera's use."""

    name: Annotated[str, Field(examples=["sessions"])]
    value: Annotated[float, Field(examples=[24])]
    unit: Annotated[str, Field(examples=["sign-ins a day"])]
    text: Annotated[str, Field(examples=["A token lives for an hour."])]


class PriceBody(BaseModel):
    """The price of a unit, and the amounts that follow from it.

    A unit is `per` pieces; `free` pieces a month cost nothing. Each camera uses the product of the
    assumptions in `factors`, and the stack `at_rest` pieces without a camera. `evidence`: the price
    was read on a page of Google, in a copy of such a page, or it is not verified.
    """

    service: Annotated[str, Field(examples=["API Gateway"])]
    resource: Annotated[str, Field(examples=["google_api_gateway_gateway"])]
    item: Annotated[str, Field(examples=["calls"])]
    unit: Annotated[str, Field(examples=["1,000,000 calls"])]
    price: Annotated[float, Field(examples=[3.0])]
    per: Annotated[float, Field(examples=[1_000_000])]
    free: Annotated[float, Field(examples=[2_000_000])]
    at_rest: Annotated[float, Field(examples=[0])]
    factors: Annotated[list[str], Field(examples=[["days", "sessions", "calls"]])]
    source: Annotated[str, Field(examples=["https://cloud.google.com/api-gateway/docs/pricing"])]
    evidence: Evidence
    note: Annotated[str, Field(examples=[""])]
    monthly: list[AmountBody]


class CostsBody(BaseModel):
    """An estimate of Google's monthly bill.

    `date`: the day of the look-up in stored copies of public pages, which may be older.
    """

    date: Annotated[str, Field(examples=["2026-11-27"])]
    currency: Annotated[str, Field(examples=["USD"])]
    monthly: list[AmountBody]
    prices: list[PriceBody]
    assumptions: list[AssumptionBody]
    not_included: Annotated[list[str], Field(examples=[["Taxes."]])]

    @classmethod
    def of(cls, table: CostTable) -> "CostsBody":
        """The body of a table of costs."""
        return cls(
            date=table.date,
            currency=table.currency,
            monthly=[AmountBody(cameras=n, amount=table.total(n)) for n in CAMERAS],
            prices=[_price(table, price) for price in table.prices],
            assumptions=[AssumptionBody(**vars(item)) for item in table.assumptions],
            not_included=list(table.not_included),
        )


def _price(table: CostTable, price: Price) -> PriceBody:
    monthly = [AmountBody(cameras=n, amount=table.amount(price, n)) for n in CAMERAS]
    return PriceBody(**vars(price), monthly=monthly)


class TemplateBody(BaseModel):
    """A template that this service deploys; `costs` is null where no prices are known."""

    name: Annotated[str, Field(examples=["anava"])]
    costs: CostsBody | None


class TemplateList(BaseModel):
    """The templates in alphabetical order, on a single page."""

    items: list[TemplateBody]
    next_cursor: str | None
