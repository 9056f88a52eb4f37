"""The generated sections of a template's README, and the page of its costs."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from deployments.costs import CAMERAS, CostTable, Evidence, read_costs
from tests.terraform.hcl_files import Body, bodies

__all__ = ["BEGIN", "END", "api_names", "cost_page", "readme", "role_rows", "sections"]

BEGIN = "<!-- begin generated: make template-docs -->"
END = "<!-- end generated -->"
_EVIDENCE = {
    Evidence.GOOGLE: "Google's page",
    Evidence.COPY: "a copy of Google's page or a third party",
    Evidence.UNVERIFIED: "**not verified**",
}


_INTRODUCTION = """\
# Costs of the template `anava`

Generated from `terraform/anava/costs.json` by `make template-docs`; a test compares both. The API
gives the same table with `GET /api/templates`.

An estimate of Google's bill in {currency} a month, with the prices of {date}. The estimate was not
compared with a bill, and Google changes prices: each row has its source. The date is the day of the
look-up in stored copies of public pages, which may be older. Most of the amount is that of the
model, and follows from the assumed number of events.
"""


class MarkersMissing(Exception):
    """A README does not have each marker once, in order."""


def readme(text: str, folder: Path) -> str:
    """Return a README with its generated part renewed.

    Raises:
        MarkersMissing: the text does not have both markers once, in order.
    """
    if [line for line in text.splitlines() if line in (BEGIN, END)] != [BEGIN, END]:
        raise MarkersMissing(f"{folder.name}/README.md needs the lines {BEGIN} and {END} once")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(sections(folder)) + f"\n{END}{after}"


def sections(folder: Path) -> Iterator[str]:
    """Yield the lines of inputs, outputs, roles, APIs and costs."""
    template = bodies(folder)
    yield from [
        "## Inputs",
        "",
        *_table("Name Type Default Description Validation", _inputs(template)),
    ]
    yield from ["## Outputs", "", *_table("Name Sensitive Description", _outputs(template))]
    if roles := role_rows(template):
        yield from ["## Roles", "", *_table("Role Member Resource", roles)]
    if apis := api_names(template):
        yield from ["## APIs", "", ", ".join(f"`{name}`" for name in apis), ""]
    yield from ["## Costs", "", *_costs(folder)]


def _table(columns: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    names = columns.split()
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _inputs(template: list[Body]) -> Iterator[tuple[str, ...]]:
    for body in template:
        if body.keyword == "variable":
            content = body.content
            kind = _plain(str(content["type"]))
            secret = " (sensitive)" if content.get("sensitive") else ""
            default = f"`{json.dumps(content['default'])}`" if "default" in content else "required"
            rules = " ".join(rule["error_message"] for rule in content.get("validation", ()))
            yield (f"`{body.label}`", f"`{kind}`{secret}", default, content["description"], rules)


def _outputs(template: list[Body]) -> Iterator[tuple[str, ...]]:
    for body in template:
        if body.keyword == "output":
            secret = "yes" if body.content.get("sensitive") else ""
            yield (f"`{body.label}`", secret, body.content["description"])


def role_rows(template: list[Body]) -> list[tuple[str, ...]]:
    """Return role, member and resource of each grant."""
    by_identity = _local(template, "project_roles")
    rows: list[tuple[str, ...]] = [
        (f"`{role}`", f"`{identity}`", "`google_project_iam_member.this`")
        for identity, roles in re.findall(r'"([\w-]+)": \[([^\]]*)\]', by_identity)
        for role in re.findall(r"roles/[\w.]+", roles)
    ]
    for body in template:
        role = body.content.get("role", "")
        # `each.value.role` stands for the rows above.
        if body.keyword == "resource" and role and "each.value" not in role:
            member = _plain(body.content["member"])
            rows.append((f"`{_plain(role)}`", f"`{member}`", f"`{body.label}`"))
        if body.type == "google_project_iam_custom_role":
            permissions = ", ".join(f"`{name}`" for name in body.content["permissions"])
            rows.append((f"a role with {permissions}", "", f"`{body.label}`"))
    return rows


def api_names(template: list[Body]) -> list[str]:
    """Return the APIs that the template enables, as `<name>.googleapis.com`."""
    written = _local(template, "first_services") + _local(template, "services")
    names = ",".join(re.findall(r"\[([^\[\]]*)\]", written)).split(",")
    cleaned = {name.strip().strip('"').removesuffix(".googleapis.com") for name in names} - {""}
    return sorted(f"{name}.googleapis.com" for name in cleaned)


def _local(template: list[Body], name: str) -> str:
    values = [
        body.content[name] for body in template if body.keyword == "locals" and name in body.content
    ]
    return str(values[0]) if values else ""


def _plain(expression: str) -> str:
    """The expression without the parser's `${…}` around the whole of it."""
    whole = re.fullmatch(r"\$\{([^{}]*)\}", expression)
    return whole[1] if whole else expression


def _costs(folder: Path) -> Iterator[str]:
    path = folder / "costs.json"
    if not path.exists():
        yield from ["None: the template creates nothing outside terraform's own state.", ""]
        return
    table = read_costs(path.read_bytes())
    yield f"An estimate in {table.currency} a month with the prices of {table.date}."
    yield "Prices, sources and assumptions: [docs/costs.md](../../docs/costs.md)."
    yield ""
    heads = [_heading(cameras) for cameras in CAMERAS]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    yield f"| {' | '.join(f'{table.total(cameras):,.2f}' for cameras in CAMERAS)} |"
    yield ""


def _heading(cameras: int) -> str:
    return f"{cameras:,} cameras" if cameras else "At rest"


def cost_page(table: CostTable) -> Iterator[str]:
    """Yield the lines of docs/costs.md."""
    text = _INTRODUCTION.format(currency=table.currency, date=table.date)
    yield from text.splitlines()
    yield ""
    yield from _amounts(table)
    yield from ["## Prices", "", *_prices(table)]
    yield from ["## Assumptions for each camera", "", *_assumptions(table)]
    yield from ["## Not included", "", *(f"- {text}" for text in table.not_included)]


def _amounts(table: CostTable) -> Iterator[str]:
    yield f"| Service | Item | {' | '.join(map(_heading, CAMERAS))} |"
    yield "|---|---|" + "--:|" * len(CAMERAS)
    for price in table.prices:
        amounts = [f"{table.amount(price, cameras):,.2f}" for cameras in CAMERAS]
        yield f"| {price.service} | {price.item} | {' | '.join(amounts)} |"
    totals = [f"**{table.total(cameras):,.2f}**" for cameras in CAMERAS]
    yield f"| **All** | | {' | '.join(totals)} |"
    yield ""


def _prices(table: CostTable) -> Iterator[str]:
    names = "Service|Item|Price|Unit|Free a month|Use at rest|Use of a camera|Source|Read in|Note"
    yield f"| {names.replace('|', ' | ')} |"
    yield "|---|---|--:|---|--:|--:|---|---|---|---|"
    for price in table.prices:
        use = " * ".join(f"`{name}`" for name in price.factors)
        yield (
            f"| {price.service} | {price.item} | {_number(price.price)} | {price.unit} "
            f"| {_number(price.free)} | {_number(price.at_rest)} | {use} "
            f"| <{price.source}> | {_EVIDENCE[price.evidence]} | {price.note} |"
        )
    yield ""


def _number(value: float) -> str:
    return f"{value:,.7f}".rstrip("0").rstrip(".")


def _assumptions(table: CostTable) -> Iterator[str]:
    yield "| Name | Value | Unit | Reason |"
    yield "|---|--:|---|---|"
    for item in table.assumptions:
        yield f"| `{item.name}` | {_number(item.value)} | {item.unit} | {item.text} |"
    yield ""
