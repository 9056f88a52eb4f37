"""Which states a host deletes: those of destroyed stacks that no deployment works on."""

import json
from pathlib import Path

from adapters.local.folder_lock import shared
from adapters.local.interruptions import LocalInterruptions
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.retention import RetainReason, Stored
from tests.support.ids import deployment_id
from tests.worker.retention_scene import RESOURCE, RetentionScene
from worker import run_index
from worker.run_directory import RunDirectory

STACK = "local.sandbox.demo-project-1.anava"


async def test_the_state_of_a_destroyed_stack_is_deleted_with_its_backup(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    stacks = tmp_path / "stacks"
    scene.state(f"{STACK}-gone", 100)
    scene.state(f"{STACK}-young", 80)
    scene.state(f"{STACK}-living", 100, resources=[RESOURCE])
    scene.state(f"{STACK}-recorded", 100)
    scene.state(f"{STACK}-asked", 100)
    scene.recorded = {f"{STACK}-recorded"}
    left = Interruption(deployment_id("x"), 3, Phase.APPLY, lost=False, unrecorded=[], unknown=[])
    LocalInterruptions(tmp_path).add(f"{STACK}-asked", left)
    for name, content in {"empty": "", "damaged": "{", "no-lineage": '{"resources":[]}'}.items():
        scene.state(f"{STACK}-{name}", 100)
        scene.write(f"stacks/{STACK}-{name}/terraform.tfstate", content, 100)

    dry = await scene.run(dry_run=True)
    reports = await scene.run()

    assert dry == reports, "the dry run announced a state that a record names"
    assert not (stacks / f"{STACK}-gone").exists()
    assert sorted(path.name.removeprefix(f"{STACK}-") for path in stacks.iterdir()) == [
        *("asked", "damaged", "empty", "living", "no-lineage", "recorded", "young")
    ]
    assert {reason: amount.count for reason, amount in reports["states"].kept.items()} == {
        RetainReason.YOUNG: 1,
        RetainReason.RESOURCES: 4,
        RetainReason.QUESTION: 1,
        RetainReason.RECORDED: 1,
    }


async def test_a_state_that_is_recorded_while_the_pass_deletes_stays(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    states = [scene.state(f"{STACK}-{name}", 100) for name in "ab"]
    remove = scene.states.remove

    async def recorded_meanwhile(stored: Stored) -> bool:
        scene.recorded = {f"{STACK}-a", f"{STACK}-b"}
        return await remove(stored)

    scene.states.remove = recorded_meanwhile  # type: ignore[method-assign]
    reports = await scene.run()

    assert all(state.exists() for state in states)
    assert reports["states"].kept[RetainReason.BUSY].count == 2


async def test_a_copy_of_a_state_under_another_name_is_left_alone(tmp_path: Path) -> None:
    """An operator's copy `…anava_old` was a stack for retention alone, and ended each pass."""
    scene = RetentionScene(tmp_path)
    gone = scene.state(STACK, 100)
    copies = [scene.state(f"{STACK}{suffix}", 100) for suffix in ("_old", ".OLD", "-Old")]

    reports = await scene.run()

    assert not gone.exists()
    assert all(copy.exists() for copy in copies)
    assert reports["states"].expired.count == 1


async def test_a_state_stays_while_a_deployment_of_the_stack_begins(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    state = scene.state(STACK, 100)

    async with shared(tmp_path / "stacks"):
        assert (await scene.run())["states"].kept[RetainReason.BUSY].count == 1
    directory = RunDirectory(scene.runs / ("dep-" + "b" * 26))
    scene.write(f"runs/{directory.path.name}/template.json", json.dumps({"stack": STACK}), 0)
    run_index.mark(directory.path)
    assert (await scene.run())["states"].kept[RetainReason.BUSY].count == 1

    assert state.exists()
