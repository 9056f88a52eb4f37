"""Messages of terraform 1.9, 1.11 and the newest, and of OpenTofu: each line is read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.redaction import Redactor
from adapters.terraform.output.events import Translator
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.reasons import Reason
from deployments.refusal_causes import classify
from deployments.step import Counts, ResourceStatus
from runner.open_operations import OpenOperations

FOLDERS = sorted((Path(__file__).parents[1] / "corpus" / "releases").iterdir())
FILES = sorted(file for folder in FOLDERS for file in folder.glob("*.jsonl"))
_LEVELS = {"error": "error", "warn": "warn", "info": "info"}

each_release = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def events(file: Path) -> tuple[list[dict[str, Any]], ProgressAccumulator]:
    translator = Translator(3, "apply", "2026-01-01T00:00:00Z", Redactor([]))
    lines = translator.translate(file.read_bytes(), final=True)
    return [json.loads(line) for line in lines], translator.accumulator


def progress(folder: Path, case: str) -> ProgressAccumulator:
    return events(folder / f"{case}.jsonl")[1]


def test_the_releases_are_those_that_the_documents_promise() -> None:
    names = [folder.name for folder in FOLDERS]
    for release in ("terraform-1.9.", "terraform-1.11.", "terraform-1.15.", "opentofu-1."):
        assert any(name.startswith(release) for name in names), release
    cases = {folder: {file.name for file in folder.glob("*.jsonl")} for folder in FOLDERS}
    assert all(names == cases[FOLDERS[0]] for names in cases.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_each_line_is_an_event_with_all_that_is_read(file: Path) -> None:
    lines = file.read_bytes().splitlines()
    for line, event in zip(lines, events(file)[0], strict=True):
        if not line.startswith(b"{"):
            # Init prints up to three lines for people where the stack has a backend.
            assert file.stem.startswith("init")
            assert event["text"] == line.decode()
            continue
        message = json.loads(line)
        assert event["text"] == message["@message"]
        assert event["time"] == message["@timestamp"]
        assert event["level"] == _LEVELS[message["@level"]]
        about = message.get("hook") or message.get("change") or {}
        if "resource" in about:
            resource = event["resource"]
            assert resource["address"] == about["resource"]["addr"]
            assert resource.get("action", "") == about.get("action", "")
            assert resource.get("id", "") == about.get("id_value", "")
            assert resource.get("elapsed_seconds", 0) == about.get("elapsed_seconds", 0)
        if diagnostic := message.get("diagnostic"):
            for name in ("severity", "summary", "detail", "address"):
                assert event["diagnostic"].get(name, "") == diagnostic.get(name, "")
            if place := diagnostic.get("range"):
                assert event["diagnostic"]["file"] == place["filename"]
                assert event["diagnostic"]["line"] == place["start"]["line"]


@each_release
def test_a_creation_is_counted(folder: Path) -> None:
    created = progress(folder, "apply_creation")
    assert created.applied
    assert created.counts == Counts(add=10)
    assert created.tally()["done"] == 10
    assert 'terraform_data.each["$${b}"]' in created.addresses(ResourceStatus.DONE)
    outputs = {output.name: output.value_json for output in created.outputs}
    assert outputs["hidden"] == ""
    assert outputs["number"] == "0.12345678901234567890123"
    assert json.loads(outputs["object"]) == {"list": [1, "<&>"], "none": None}
    assert {diagnostic.severity for diagnostic in created.diagnostics} == {"warning"}


@each_release
def test_all_kinds_of_changes_are_counted(folder: Path) -> None:
    planned = {
        resource.address: resource.action
        for resource in progress(folder, "plan_changes").resources()
    }
    assert planned["terraform_data.moved_to"] == "move"
    assert planned["terraform_data.forgotten"] == "remove"
    assert planned["terraform_data.imported"] == "import"
    assert planned["terraform_data.replaced"] == "replace"
    changed = progress(folder, "apply_changes")
    assert changed.applied
    assert changed.tally()["done"] == len(changed.resources())
    assert (changed.counts.change, changed.counts.imported) == (1, 1)


@each_release
def test_an_unchanged_stack_has_no_resource_to_do(folder: Path) -> None:
    unchanged = progress(folder, "apply_unchanged")
    assert unchanged.applied
    assert unchanged.counts == Counts()
    assert unchanged.resources() == []


@each_release
def test_a_failure_has_its_resource_and_its_error(folder: Path) -> None:
    failed = progress(folder, "apply_failure")
    assert not failed.applied
    assert failed.addresses(ResourceStatus.FAILED) == ["terraform_data.replaced"]
    assert failed.diagnostics[0].summary == "local-exec provisioner error"
    assert failed.diagnostics[0].address == "terraform_data.replaced"


@each_release
def test_an_interrupted_apply_leaves_nothing_open(folder: Path) -> None:
    interrupted = progress(folder, "apply_interrupted")
    assert not interrupted.applied
    assert not interrupted.addresses(ResourceStatus.RUNNING)
    assert interrupted.diagnostics[0].summary == "local-exec provisioner error"


@pytest.mark.parametrize(
    ("case", "reason"),
    [("plan_locked", Reason.STATE_LOCKED), ("apply_stale", Reason.PLAN_STALE)],
)
@each_release
def test_a_refusal_has_its_cause(folder: Path, case: str, reason: Reason) -> None:
    refusal = classify(progress(folder, case).diagnostics[0])
    assert refusal is not None
    assert refusal.reason is reason


@each_release
def test_an_invalid_stack_names_file_and_line(folder: Path) -> None:
    (error,) = progress(folder, "plan_invalid").diagnostics
    assert error.summary == "Reference to undeclared input variable"
    assert (error.file, error.line > 0) == ("main.tf", True)


@each_release
def test_the_runner_counts_the_same_operations(folder: Path) -> None:
    for case in ("apply_creation", "apply_changes", "apply_failure", "apply_interrupted"):
        file = folder / f"{case}.jsonl"
        spool = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            operations = OpenOperations(spool)
            operations.read()
        finally:
            os.close(spool)
        messages = [json.loads(line) for line in file.read_bytes().splitlines()]
        kinds = [message.get("type") for message in messages]
        assert operations.started == kinds.count("apply_start") > 0
        assert operations.completed == kinds.count("apply_complete")
        assert operations.open == []
