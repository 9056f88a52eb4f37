"""The documents of the templates agree with the templates."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.settings import base_environment
from deployments.costs import CAMERAS, read_costs
from deployments.reasons import Reason
from tests.support.provider_calls import CALLS
from tests.support.repository import ROOT
from tests.terraform import template_docs
from tests.terraform.first_deployment import (
    DELAYS,
    STOPS,
    WAIT_TYPE,
    ordered,
    page,
    waits_for,
)
from tests.terraform.hcl_files import bodies, texts

ANAVA, SANDBOX = ROOT / "terraform" / "anava", ROOT / "terraform" / "sandbox"
TEMPLATES = (ANAVA, SANDBOX)
RESOURCES = [body for body in bodies(ANAVA) if body.keyword == "resource"]
KINDS = {body.type for body in RESOURCES}
WAITS = {body.label for body in RESOURCES if body.type == WAIT_TYPE}


def test_every_document_is_what_the_templates_give() -> None:
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "scripts" / "template-docs"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env=base_environment(),
    )

    assert (ended.returncode, ended.stdout) == (0, ""), "run `make template-docs`"


@pytest.mark.parametrize("folder", TEMPLATES, ids=lambda folder: folder.name)
def test_the_readme_has_each_variable_and_output_with_its_rules(folder: Path) -> None:
    """Compared with the text of the files, not with the reader that made the sections."""
    made = "\n".join(template_docs.sections(folder))
    variables = (folder / "variables.tf").read_text()
    outputs = (folder / "outputs.tf").read_text()

    for name in re.findall(r'^variable "(\w+)"', variables, re.M):
        assert f"\n| `{name}` |" in made
    for name in re.findall(r'^output "(\w+)"', outputs, re.M):
        assert f"\n| `{name}` |" in made
    for message in re.findall(r'error_message = "(.*)"$', variables, re.M):
        assert message.replace('\\"', '"') in made


def test_the_readme_has_every_role_of_the_template() -> None:
    written = "\n".join(text for body in bodies(ANAVA) for text in texts(body.content))
    roles = set(re.findall(r"roles/\w+\.\w+", written))

    assert roles
    assert {
        role
        for row in template_docs.role_rows(bodies(ANAVA))
        for role in re.findall(r"roles/\w+\.\w+", row[0])
    } == roles


def test_the_readme_has_every_api_that_preflight_asks_for() -> None:
    listed = json.loads((ANAVA / "permissions.json").read_text())["apis"]

    assert template_docs.api_names(bodies(ANAVA)) == sorted(listed)
    assert template_docs.api_names(bodies(SANDBOX)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        template_docs.BEGIN,
        template_docs.END,
        f"{template_docs.END}\n{template_docs.BEGIN}\n",
        f"{template_docs.BEGIN}\n{template_docs.END}\n{template_docs.BEGIN}\n",
    ],
)
def test_a_readme_without_its_markers_is_refused(text: str) -> None:
    """A part of the page by hand would be lost."""
    with pytest.raises(template_docs.MarkersMissing):
        template_docs.readme(text, SANDBOX)


def test_what_stands_around_the_markers_stays() -> None:
    text = f"before\n{template_docs.BEGIN}\nold\n{template_docs.END}\nafter\n"

    made = template_docs.readme(text, SANDBOX)

    assert made.startswith("before\n")
    assert made.endswith(f"{template_docs.END}\nafter\n")
    assert "old" not in made


def test_a_changed_variable_makes_the_readme_stale(tmp_path: Path) -> None:
    for file in SANDBOX.glob("*.tf"):
        changed = file.read_text().replace("How many lines each", "How many words each")
        (tmp_path / file.name).write_text(changed)
    text = (SANDBOX / "README.md").read_text()

    assert template_docs.readme(text, SANDBOX) == text
    assert template_docs.readme(text, tmp_path) != text


def test_the_page_of_costs_has_the_amounts_of_the_table() -> None:
    table = read_costs((ANAVA / "costs.json").read_bytes())
    text = (ROOT / "docs" / "costs.md").read_text()

    for price in table.prices:
        amounts = " | ".join(f"{table.amount(price, cameras):,.2f}" for cameras in CAMERAS)
        assert f"| {price.service} | {price.item} | {amounts} |" in text
        assert f"<{price.source}>" in text
    assert " | ".join(f"**{table.total(cameras):,.2f}**" for cameras in CAMERAS) in text


def test_the_first_deployment_has_every_type_with_its_calls() -> None:
    text = "\n".join(page(ANAVA))

    assert {*DELAYS} == (KINDS - {WAIT_TYPE}) | WAITS
    assert KINDS - {WAIT_TYPE} == {*CALLS}
    assert {*STOPS} <= KINDS
    for label in (body.label for body in bodies(ANAVA) if body.keyword == "resource"):
        assert f"| `{label}` |" in text


def test_a_wait_of_the_template_lasts_as_long_as_its_variable() -> None:
    rows = [row for row in page(ANAVA) if re.match(rf"\| \d+ \| `{WAIT_TYPE}\.", row)]
    variables = {body.label: body.content for body in bodies(ANAVA) if body.keyword == "variable"}

    assert len(rows) == len(WAITS) == 3
    for row in rows:
        assert f"`var.propagation_seconds`: {variables['propagation_seconds']['default']} s" in row


@pytest.mark.parametrize("kind", sorted(DELAYS))
def test_each_delay_is_a_reason_with_a_wait_in_the_code(kind: str) -> None:
    assert {reason: waits_for(reason) for reason in DELAYS[kind] if not waits_for(reason)} == {}


def test_a_reason_that_ends_a_deployment_has_a_cause_without_a_wait() -> None:
    """Billing has both: a link that is minutes old is waited for, no link is not."""
    both = {Reason.BILLING_DISABLED}
    reasons = {reason for listed in STOPS.values() for reason in listed} - both

    assert {reason: waits_for(reason) for reason in reasons if waits_for(reason)} == {}


def test_a_resource_stands_after_those_that_it_needs() -> None:
    steps = {body.label: step for step, body, _ in ordered(ANAVA)}

    assert steps["google_project_service.first"] == 1
    for step, body, needs in ordered(ANAVA):
        assert all(steps[label] < step for label in needs), body.label
    # The build needs its roles by then.
    needs_of = {body.label: needs for _, body, needs in ordered(ANAVA)}
    function = needs_of["google_cloudfunctions2_function.this"]
    assert {"terraform_data.roles", "google_storage_bucket.functions"} <= function
    assert "google_project_iam_member.this" in needs_of["terraform_data.roles"]
    # Through a local and a data source.
    version = needs_of["google_secret_manager_secret_version.this"]
    assert "google_firebase_web_app.this" in version
