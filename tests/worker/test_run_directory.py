"""What stays of a run directory after the end of its deployment."""

import json
import os
from pathlib import Path

import pytest

from adapters.local import disk_space
from deployments.deployment import DeploymentRequest, Stack
from tests.support.ids import deployment_id
from tests.support.small_disk import small_disk
from worker import run_index
from worker.run_directory import RunDirectory

MARKDOWN = "md"


def test_after_the_end_log_progress_exit_record_and_errors_of_the_runner_stay(
    tmp_path: Path,
) -> None:
    """The errors of a runner that failed were gone when an operator looked for them."""
    run = RunDirectory(tmp_path / "dep-1")
    step = run.path / "steps" / "1"
    step.mkdir(parents=True)
    for name in ("step.json", "stop.json", "spool", "lease", "credential.json"):
        (step / name).touch()
    retained = {"events.jsonl", "exit.json", "progress.json", "runner.err"}
    for name in retained:
        (step / name).touch()

    run.clear()

    assert {path.name for path in step.iterdir()} == retained


def test_every_file_of_a_template_reaches_the_run_except_its_tests_and_prices(
    tmp_path: Path,
) -> None:
    """A template that read a Markdown file of its own failed at its plan."""
    template = tmp_path / "template"
    files = {
        "main.tf",
        f"README.{MARKDOWN}",
        f"texts/notes.{MARKDOWN}",
        "texts/.hidden",
        "texts/page.tftpl",
        ".terraform.lock.hcl",
        "functions/job/main.py",
        f"functions/job/README.{MARKDOWN}",
        "functions/job/tests/data.json",
        "texts/costs.json",
    }
    left = {".terraform/modules.json", "functions/job/__pycache__/main.pyc"}
    left |= {"tests/variables.tftest.hcl", "costs.json"}
    for name in files | left:
        path = template / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    run = RunDirectory(tmp_path / "dep-1")
    stack = Stack("sandbox", "demo-project-1", "anava")
    request = DeploymentRequest(stack, "us-central1", "US", json.dumps({}))

    run.make(template, request, "{}", [])

    made = {"functions/job.zip", "terraform.tfvars.json", "backend.tf.json"}
    paths = (path for path in run.work.rglob("*") if path.is_file())
    assert {str(path.relative_to(run.work)) for path in paths} == files | made


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b'variable "template_version" {}', True),
        (b'variable "template_version" {} # \xff', True),
        (b'variable "other" {}', False),
        (b"", False),
    ],
)
def test_a_template_that_has_the_variable_gets_its_own_version(
    tmp_path: Path, text: bytes, named: bool
) -> None:
    """The state did not name the template; terraform warns of a value without a variable."""
    template = tmp_path / "template"
    template.mkdir()
    (template / "variables.tf").write_bytes(text)
    run = RunDirectory(tmp_path / "dep-1")
    stack = Stack("sandbox", "demo-project-1", "anava")
    request = DeploymentRequest(stack, "us-central1", "US", '{"lines": 1}')

    run.make(template, request, "{}", [])

    values = json.loads((run.work / "terraform.tfvars.json").read_text())
    assert values["lines"] == 1
    assert ("template_version" in values) is named
    assert values.get("template_version", run.template_version()) == run.template_version() != ""


def test_without_a_free_inode_the_reserve_takes_the_mark_of_the_end(tmp_path: Path) -> None:
    """The record was written, and its activity failed until the disk had space again."""
    with small_disk(tmp_path / "disk", 32, inodes=100) as disk:
        run = RunDirectory(disk.path / deployment_id("ended"))
        run.path.mkdir()
        disk_space.make_reserve(run.path)
        run_index.mark(run.path)
        disk.use_up_inodes()

        assert run.record("{}") == "{}"

        assert run_index.recent(disk.path) == [run.path]


def test_stack_and_origin_of_a_run_directory_are_on_the_disk_before_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure left an empty file: the directory had no stack, and was never closed."""
    synced: set[int] = set()
    fsync = os.fsync

    def recorded(fd: int) -> None:
        fsync(fd)
        synced.add(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", recorded)
    template = tmp_path / "template"
    template.mkdir()
    run = RunDirectory(tmp_path / "dep-1")
    stack = Stack("sandbox", "demo-project-1", "anava")

    run.make(template, DeploymentRequest(stack, "us-central1", "US"), "{}", [], ("host", "run"))

    mark = run.path / "template.json"
    assert {mark.stat().st_ino, run.path.stat().st_ino} <= synced
    assert (run.stack(), run.origin()) == (stack.id, ("host", "run"))
