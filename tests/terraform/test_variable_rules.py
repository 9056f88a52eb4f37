"""`terraform test` of the templates, as far as it needs no provider.

The rules of variables depend on variables alone: a folder with `variables.tf` and its tests needs
no provider once the mocked ones are left out. `make test-stack` runs all of terraform/anava/tests.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.settings import Settings, base_environment
from adapters.terraform import command
from tests.support.repository import ROOT

TEMPLATES = (ROOT / "terraform" / "anava", ROOT / "terraform" / "sandbox")
RULE = re.compile(r"^    condition +=.*?(?=^    error_message)", re.M | re.S)
MOCK = re.compile(r'^mock_provider "google" \{.*?\}\n', re.M | re.S)
REFUSED = re.compile(r"expect_failures = \[var\.(\w+)\]")


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "home").mkdir(exist_ok=True)
    config = folder / "terraform.tfrc"
    config.write_text(command.cli_config(folder))
    return subprocess.run(  # noqa: S603 - our own command
        [Settings().terraform.binary, *arguments, "-no-color"],
        cwd=folder,
        env=command.environment(folder / "home", config, base_environment()["PATH"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rules_alone(template: Path, folder: Path) -> Path:
    """The variables of a template with their tests, and nothing that needs a provider."""
    (folder / "tests").mkdir(parents=True)
    shutil.copy(template / "variables.tf", folder)
    tests = MOCK.sub("", (template / "tests" / "variables.tftest.hcl").read_text())
    # Asserts about resources are for the whole template.
    tests = re.sub(r"\n  assert \{.*?\n  \}\n", "", tests, flags=re.S)
    (folder / "tests" / "variables.tftest.hcl").write_text(tests)
    return folder


def rules(template: Path) -> list[str]:
    """The condition of each validation, as it is written."""
    return RULE.findall((template / "variables.tf").read_text())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_hostile_value_is_refused_by_the_rule_of_its_variable(
    template: Path, tmp_path: Path
) -> None:
    folder = rules_alone(template, tmp_path / "rules")

    ended = terraform(folder, "test")

    cases = len(re.findall(r"^run ", (folder / "tests" / "variables.tftest.hcl").read_text(), re.M))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Success! {cases} passed, 0 failed." in ended.stdout


def test_the_sandbox_passes_its_tests_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    shutil.copytree(TEMPLATES[1], folder)

    ended = terraform(folder, "test")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ", 0 failed." in ended.stdout


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_rule_has_a_case_that_only_this_rule_refuses(template: Path, tmp_path: Path) -> None:
    """A rule that accepts every value must be noticed."""
    written = (template / "variables.tf").read_text()
    unnoticed: list[str] = []
    for index, condition in enumerate(rules(template)):
        output = terraform(_without(template, condition, tmp_path / str(index)), "test")
        noticed = "Missing expected failure" in output.stdout + output.stderr
        # A file that terraform cannot read fails, too, and says nothing about the cases.
        assert (output.returncode != 0) is noticed, output.stdout + output.stderr
        unnoticed += [] if noticed else [condition]

    assert len(rules(template)) == written.count("validation {")
    assert unnoticed == []


def _without(template: Path, condition: str, folder: Path) -> Path:
    rules_alone(template, folder)
    text = (folder / "variables.tf").read_text()
    (name,) = {*re.findall(r"var\.(\w+)", condition)} & _variable_of(text, condition)
    always = f"    condition     = var.{name} == var.{name}\n"
    (folder / "variables.tf").write_text(text.replace(condition, always, 1))
    return folder


def _variable_of(text: str, condition: str) -> set[str]:
    """The variable whose block has the condition."""
    before = text[: text.index(condition)]
    return {re.findall(r'^variable "(\w+)"', before, re.M)[-1]}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_variable_with_rules_has_refused_values(template: Path) -> None:
    blocks = (template / "variables.tf").read_text().split("\nvariable ")[1:]
    ruled = {block.split('"')[1] for block in blocks if "validation {" in block}
    tests = (template / "tests" / "variables.tftest.hcl").read_text()

    assert {*REFUSED.findall(tests)} == ruled
