"""Retention on a host: what is deleted, what never is, and what a killed pass leaves."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

from deployments.errors import TemporalUnavailable
from deployments.retention import DAY_SECONDS, Amount, RetainReason
from tests.worker.retention_scene import RESOURCE, RetentionScene

STACK = "local.sandbox.demo-project-1.anava"
ALL, NOTHING = (True, True, True), (False, False, False)


async def test_ended_deployments_are_deleted_after_their_days(tmp_path: Path) -> None:
    """Run directories, logs and artifacts stayed until an operator removed them."""
    scene = RetentionScene(tmp_path)
    old, newest, young = scene.ended("old", 100), scene.ended("new", 95), scene.ended("y", 80)

    dry = await scene.run(dry_run=True)
    assert [scene.has(id) for id in (old, newest, young)] == [ALL, ALL, ALL]
    reports = await scene.run()

    assert [scene.has(id) for id in (old, newest, young)] == [NOTHING, ALL, ALL]
    assert dry == reports, "the dry run announces what is deleted"
    runs = reports["runs"]
    assert (runs.expired.count, runs.expired.size_bytes >= 10_000) == (1, True)
    assert {reason: amount.count for reason, amount in runs.kept.items()} == {
        RetainReason.YOUNG: 1,
        RetainReason.NEWEST: 1,
    }
    assert (await scene.run())["runs"].expired.count == 0, "a repeat deletes nothing more"
    assert not (tmp_path / "artifacts" / old).exists()


@pytest.mark.parametrize(
    "reason",
    [RetainReason.OPEN, RetainReason.PENDING, RetainReason.RECOVERY, RetainReason.QUESTION],
)
async def test_nothing_that_is_open_or_due_is_deleted(tmp_path: Path, reason: RetainReason) -> None:
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 1000)
    scene.ended("newest", 999)
    scene.state("local.sandbox.demo-project-1.other", 1000)
    scene.protected = {old: reason, "local.sandbox.demo-project-1.other": reason}

    reports = await scene.run()

    assert scene.has(old) == ALL
    assert all(report.expired.count == 0 for report in reports.values())


async def test_a_run_directory_without_a_record_is_open(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 1000)
    scene.ended("newest", 999)
    (scene.runs / old / "record.json").unlink()

    reports = await scene.run()

    assert (scene.runs / old).exists()
    assert reports["runs"].kept[RetainReason.OPEN].count == 1


async def test_without_temporal_nothing_is_deleted(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 1000)
    scene.ended("newest", 999)
    scene.temporal_is_down = True

    with pytest.raises(TemporalUnavailable):
        await scene.retention().run_pass()
    assert scene.has(old) == ALL


async def test_names_of_others_and_links_are_never_followed(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path / "data")
    foreign = tmp_path / "foreign"
    victim = scene.ended("newest", 999)
    link = scene.ended("link", 1000)
    for folder in (scene.runs / link, scene.data / "artifacts" / link):
        shutil.move(folder, foreign / folder.parent.name)
        folder.symlink_to(foreign / folder.parent.name)
    inner = scene.ended("inner", 1000)
    (scene.runs / inner / "steps" / "out").symlink_to(foreign)
    out = scene.data / "artifacts" / inner / "out.txt"
    out.symlink_to(foreign / "artifacts" / "log.txt")
    os.utime(out, (0, 0), follow_symlinks=False)
    for name in ("..evil", "dep-short", "workers", ".dep-x.y", "dep-" + "A" * 26):
        scene.write(f"runs/{name}/record.json", "{}", 1000)
        scene.write(f"artifacts/{name}/log.txt", "{}", 1000)
        scene.state(name, 1000)
    (scene.data / "stacks" / "a.b.c.d").symlink_to(scene.data / "stacks" / "workers")
    before = sorted(foreign.rglob("*"))

    await scene.run()

    assert sorted(foreign.rglob("*")) == before
    assert scene.has(inner) == NOTHING
    assert scene.has(victim) == ALL
    for name in ("..evil", "dep-short", "workers", ".dep-x.y", "dep-" + "A" * 26):
        assert (scene.runs / name / "record.json").exists()
        assert (scene.data / "artifacts" / name / "log.txt").exists()
        assert (scene.data / "stacks" / name / "terraform.tfstate").exists()


async def test_a_link_in_place_of_a_run_directory_names_no_stack(tmp_path: Path) -> None:
    """The record behind the link decided which logs are deleted."""
    scene = RetentionScene(tmp_path / "data")
    link = scene.ended("link", 1000)
    scene.ended("newest", 999)
    (scene.data / "artifacts" / link / "record.json").unlink()
    shutil.move(scene.runs / link, tmp_path / "foreign")
    (scene.runs / link).symlink_to(tmp_path / "foreign")

    reports = await scene.run()

    assert (scene.data / "artifacts" / link / "log.txt").exists()
    assert reports["artifacts"].kept[RetainReason.UNKNOWN].count == 1


async def test_a_hidden_folder_without_the_name_of_a_deployment_is_left_alone(
    tmp_path: Path,
) -> None:
    scene = RetentionScene(tmp_path)
    names = (".expired-of-an-operator", ".dep-short.0123abcd")
    paths = [scene.write(f"runs/{name}/file", "", 1000) for name in names]
    for path in paths:
        os.utime(path.parent, (0, 0))

    await scene.run()

    assert all(path.exists() for path in paths)


async def test_a_pass_killed_in_the_middle_is_continued(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 1000)
    scene.ended("newest", 999)
    half = scene.runs / f".expired-{old}"
    (scene.runs / old).rename(half)
    (half / "record.json").unlink()
    (tmp_path / "artifacts" / old / "log.txt").unlink()

    await scene.run()

    assert not half.exists()
    assert scene.has(old) == NOTHING


async def test_a_run_directory_that_a_killed_worker_half_made_is_deleted(tmp_path: Path) -> None:
    """Its variables lay on the disk in clear for ever."""
    scene = RetentionScene(tmp_path)
    name = "." + "dep-" + "a" * 26
    old = scene.write(f"runs/{name}.0123abcd/work/terraform.tfvars.json", "{}", 2).parents[1]
    young = scene.write(f"runs/{name}.4567abcd/work/terraform.tfvars.json", "{}", 0).parents[1]
    os.utime(old, (scene.now - 2 * DAY_SECONDS,) * 2)

    await scene.run(dry_run=True)
    assert old.exists()
    await scene.run()

    assert (old.exists(), young.exists()) == (False, True)


async def test_a_deployment_whose_stack_is_unknown_stays(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    for name, content in {"a": "", "b": "[" * 100_000, "c": '{"request":{"stack":1}}'}.items():
        id = scene.ended(name, 1000)
        shutil.rmtree(scene.runs / id)
        scene.write(f"artifacts/{id}/record.json", content, 1000)

    reports = await scene.run()

    assert reports["records"].kept[RetainReason.UNKNOWN].count == 3


async def test_the_log_of_a_terminated_deployment_is_deleted_after_its_run_directory(
    tmp_path: Path,
) -> None:
    """With the run directory the stack was unknown, so that logs and plans stayed for ever."""
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 100)
    scene.ended("newest", 95)
    scene.write(f"runs/{old}/record.json", '{"format": 1, "abandoned": true}', 100)
    (tmp_path / "artifacts" / old / "record.json").unlink()
    scene.write(f"artifacts/{old}/log.txt", "x", 80)
    await scene.run()
    assert scene.has(old) == (False, True, True)

    scene.write(f"artifacts/{old}/log.txt", "x", 100)
    await scene.run()

    assert scene.has(old) == (False, False, True)


async def test_a_directory_that_cannot_be_deleted_delays_no_other(
    tmp_path: Path,
) -> None:
    scene = RetentionScene(tmp_path)
    stuck, old = scene.ended("stuck", 1001), scene.ended("old", 1000)
    scene.ended("newest", 999)
    (scene.runs / f".expired-{stuck}").write_text("in the place of the renamed directory")

    report = (await scene.retention().run_pass())[1]

    assert "Not a directory" in report.error
    assert (report.expired.count, report.kept[RetainReason.BUSY].count) == (1, 1)
    assert (scene.has(stuck)[0], scene.has(old)[0]) == (True, False)


async def test_passes_of_several_workers_follow_each_other(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    for number in range(5):
        scene.ended(str(number), 1000 + number)

    passes = await asyncio.gather(*(scene.run() for _ in range(3)))

    assert sum(reports["runs"].expired.count for reports in passes) == 4


async def test_the_workers_of_a_host_run_a_pass_an_hour_and_read_no_young_data(
    tmp_path: Path,
) -> None:
    """Each worker read every run directory and state each hour, expired or not."""
    scene = RetentionScene(tmp_path)
    old = scene.ended("old", 100)
    scene.ended("newest", 95)
    scene.ended("young", 80)
    scene.state(f"{STACK}-young", 80, resources=[RESOURCE])
    scene.state(f"{STACK}-old", 100, resources=[RESOURCE])

    reports = {report.kind: report for report in await scene.retention().run_if_due()}

    assert not scene.has(old)[0]
    assert reports["runs"].expired.size_bytes >= 10_000
    assert reports["runs"].kept[RetainReason.NEWEST].size_bytes >= 10_000
    assert reports["runs"].kept[RetainReason.YOUNG] == Amount(1, 0)
    assert {reason: amount.count for reason, amount in reports["states"].kept.items()} == {
        RetainReason.YOUNG: 1,
        RetainReason.RESOURCES: 1,
    }
    last_pass = scene.runs / "retention"
    assert await scene.retention().run_if_due() == [], "of another worker"
    for hours in (-1, 1):
        os.utime(last_pass, (time.time() - hours * 3600,) * 2)
        assert len(await scene.retention().run_if_due()) == 4
    assert (await scene.run())["runs"].kept[RetainReason.YOUNG].size_bytes >= 10_000


async def test_a_pass_without_temporal_is_repeated_by_the_next_worker(tmp_path: Path) -> None:
    scene = RetentionScene(tmp_path)
    scene.temporal_is_down = True

    with pytest.raises(TemporalUnavailable):
        await scene.retention().run_if_due()
    scene.temporal_is_down = False
    assert len(await scene.retention().run_if_due()) == 4
