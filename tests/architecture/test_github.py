"""The files for GitHub and pre-commit name targets, versions, paths and owners that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT, files, text

GITHUB = [path for path in files() if path.parts[0] == ".github"]
CI = text(Path(".github/workflows/ci.yml"))
WORKFLOW: dict[str, Any] = yaml.safe_load(CI)
DOCKERFILE = text(Path("Dockerfile"))

MAKE = re.compile(r"\bmake ((?:--?[a-z-]+ )*)([a-z][a-z-]*)")
TARGETS = set(re.findall(r"^([a-z-]+):", text(Path("Makefile")), re.MULTILINE))


def targets_in(path: Path) -> set[str]:
    return {target for _, target in MAKE.findall(text(path))}


@pytest.mark.parametrize(
    "path", [*GITHUB, Path(".pre-commit-config.yaml"), Path("docs/release.md")], ids=str
)
def test_every_make_target_that_a_file_names_exists(path: Path) -> None:
    assert targets_in(path) - TARGETS == set()


def test_the_workflow_runs_the_targets_of_ci_run() -> None:
    steps = [step["run"] for step in WORKFLOW["jobs"]["test"]["steps"] if "run" in step]
    run = {target for step in steps for _, target in MAKE.findall(step)}
    commands = [line for line in text(Path(".ci/run")).splitlines() if "within_limit make" in line]

    assert run - {"setup"} == {target for line in commands for _, target in MAKE.findall(line)}


def test_the_workflow_uses_the_supported_pythons_and_the_terraform_of_the_image() -> None:
    supported = re.search(r'requires-python = ">=(\S+)"', text(Path("pyproject.toml")))
    image = re.search(r"hashicorp/terraform:([^@\s]+)", DOCKERFILE)

    assert supported is not None
    assert image is not None
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"][0] == supported[1]
    assert set(re.findall(r'terraform_version: "(\S+)"', CI)) == {image[1]}


def test_every_action_is_pinned_by_a_tag() -> None:
    uses = [line for line in CI.splitlines() if "uses:" in line]

    assert [line for line in uses if not re.search(r"uses: [\w-]+/[\w-]+@v\d+$", line)] == []


def test_every_owner_is_a_team_and_every_owned_path_exists() -> None:
    lines = [line.split() for line in text(Path(".github/CODEOWNERS")).splitlines()]
    rules = [line for line in lines if line and line[0] != "#"]

    assert {owner.partition("/")[0] for _, *owners in rules for owner in owners} == {"@anava"}
    assert [path for path, *_ in rules[1:] if not list(ROOT.glob(path.strip("/")))] == []


def test_every_generated_file_that_git_attributes_name_exists() -> None:
    lines = [line.split() for line in text(Path(".gitattributes")).splitlines() if line]
    generated = [pattern for pattern, *rest in lines if rest == ["linguist-generated"]]

    assert len(generated) > 1
    assert [pattern for pattern in generated if not list(ROOT.glob(pattern))] == []


@pytest.mark.parametrize(
    "path", [path for path in GITHUB if path.suffix == ".yml"] + [Path(".pre-commit-config.yaml")]
)
def test_every_file_is_yaml_with_content(path: Path) -> None:
    assert isinstance(yaml.safe_load(text(path)), dict)
