"""A worker that is killed in a pass of the retention: the next worker completes the pass."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.local.interruptions import LocalInterruptions
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.retention import DAY_SECONDS
from tests.scenarios.command_line import CommandLine
from tests.support.ids import deployment_id
from tests.support.servers import Process, eventually
from tests.support.service import House

# A pass then takes half a second, and each of its parts many polls of this test.
DEPLOYMENTS = 120
STACKS = 10
# Deleting this run directory takes 50 ms: the kill leaves a part of it.
LARGE = deployment_id("large")
LARGE_FILES = 3_000
FOLDERS = ("runs", "artifacts", "stacks")
SECONDS = 60.0

Content = dict[str, bytes]


def write(house: House, name: str, content: str, days: float) -> None:
    path = house.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - days * DAY_SECONDS,) * 2)


def end(house: House, id: str, stack: int, days: float, *, files: int = 10) -> None:
    """What a completed deployment of the sandbox leaves."""
    names = {"template": "sandbox", "project_id": "demo-project-1", "prefix": f"p{stack}"}
    request = {"stack": {"tenant": "local", **names}}
    record = json.dumps({"request": request, "result": {"status": "completed"}})
    template = {"version": "1", "stack": f"local.sandbox.demo-project-1.p{stack}"}
    for number in range(files):
        write(house, f"runs/{id}/steps/{number}/exit.json", "{}", days)
    write(house, f"runs/{id}/template.json", json.dumps(template), days)
    write(house, f"runs/{id}/record.json", record, days)
    for name in ("log.txt", "plan.json", "plan.txt"):
        write(house, f"artifacts/{id}/{name}", "x" * 1_000, days)
    write(house, f"artifacts/{id}/record.json", record, days)


def fill(house: House) -> None:
    """Expired, young and interrupted deployments, states with and without resources."""
    for number in range(DEPLOYMENTS):
        end(house, deployment_id(str(number)), number % STACKS, 400 + number)
    end(house, LARGE, 0, 900, files=LARGE_FILES)
    for stack in range(STACKS):
        end(house, deployment_id(f"young-{stack}"), stack, 10)
        state = {"version": 4, "lineage": "l", "serial": 9, "outputs": {}}
        resources = [{"mode": "managed", "type": "t", "name": "n", "instances": [{}]}]
        for prefix, content in (("p", resources), ("gone", [])):
            path = f"stacks/local.sandbox.demo-project-1.{prefix}{stack}/terraform.tfstate"
            write(house, path, json.dumps(state | {"resources": content}), 400)
    question = deployment_id("interrupted")
    end(house, question, 1, 1_000)
    LocalInterruptions(house.data).add(
        "local.sandbox.demo-project-1.p1", Interruption(question, 3, Phase.APPLY, lost=True)
    )


def content_of(data: Path) -> Content:
    """The files of deployments and stacks; a hidden folder is no deployment."""
    return {
        str(path.relative_to(data)): path.read_bytes()
        for folder in FOLDERS
        for entry in (data / folder).iterdir()
        if entry.name.startswith(("dep-", "local."))
        for path in entry.rglob("*")
        if path.is_file()
    }


async def after_an_undisturbed_pass(house: House, folder: Path) -> Content:
    """The files that a pass leaves of a copy of the data."""
    copy = replace(house, data=folder, workers=[])
    shutil.copytree(house.data, copy.data, dirs_exist_ok=True)
    ended = await CommandLine(copy, "", copy.data).run("retention", named=False)
    assert ended.code == 0, ended.err
    return content_of(copy.data)


def in_parts(folder: Path) -> bool:
    """Whether the worker has deleted a part of the large run directory."""
    steps = folder / f".expired-{LARGE}" / "steps"
    try:
        return 0 < sum(1 for _ in steps.iterdir()) < LARGE_FILES - 100
    except FileNotFoundError:
        return False


def fewer(pattern: str, data: Path, number: int) -> Callable[[], bool]:
    return lambda: len([*data.glob(pattern)]) < number


async def kill_when(condition: Callable[[], bool], worker: Process) -> None:
    """SIGKILL at the first instant at which a condition is true; no pause, which would be late."""

    def wait() -> None:
        limit = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < limit, "the instant did not come"

    await asyncio.to_thread(wait)
    worker.kill()


@pytest.mark.long
async def test_a_pass_of_killed_workers_ends_like_an_undisturbed_pass(
    house: House, tmp_path: Path
) -> None:
    """Only what a kill leaves was simulated; no worker was killed."""
    house = replace(house, data=tmp_path / "host")
    house.data.mkdir()
    (house.data / "runs").mkdir()
    fill(house)
    runs, before = house.data / "runs", content_of(house.data)
    left = await after_an_undisturbed_pass(house, tmp_path / "copy")
    assert 0 < len(left) < len(before) / 2
    all_runs = len([*runs.glob("dep-*")])
    instants = [
        fewer("stacks/*gone*", house.data, STACKS),
        fewer("artifacts/*/log.txt", house.data, all_runs - 5),
        fewer("artifacts/*/log.txt", house.data, all_runs - 60),
        lambda: in_parts(runs),
        fewer("runs/dep-*", house.data, all_runs - 60),
    ]

    for instant in instants:
        worker = house.worker()
        await kill_when(instant, worker)

        assert not (runs / "retention").exists(), "the pass had not ended"
        now = content_of(house.data)
        assert left.items() <= now.items(), "what must stay is there"
        assert now.items() <= before.items(), "and nothing has changed"
        for folder in runs.glob("dep-*"):
            of_run = {name for name in before if name.startswith(f"runs/{folder.name}/")}
            assert of_run <= now.keys(), "no part of a run directory is visible"

    house.worker()
    await eventually((runs / "retention").exists, "the end of the pass")
    assert content_of(house.data) == left
    assert [*runs.glob(".expired-*")] == []
