"""What an owner holds on a host: counted in the folders of the owner's own deployments alone."""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.local import disk_space
from adapters.local.event_file import EVENT_FILE
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import DiskFull
from deployments.events import EndKind
from deployments.execution import Caller
from deployments.retention import DAY_SECONDS
from deployments.size_limit import ALWAYS_BYTES, SizeLimit
from deployments.subject import subject_of
from tests.support.ids import deployment_id
from tests.support.small_disk import small_disk
from tests.worker.steps.event_logs import log_of
from worker.owner_bytes import OwnerBytes, sweep_owners

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
LIMIT = 80_000_000
NEW = LIMIT // 8
FIRST, SECOND, THIRD = map(deployment_id, ("first", "second", "third"))


def owner(name: str) -> str:
    return subject_of(Caller("local", name)).digest


class Scene:
    """A data folder with deployments of owners."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.owners = OwnerBytes(data, data / "runs", LIMIT)

    def deployment(self, id: str, name: str, **sizes: int) -> Path:
        """A run directory; `sizes` are the bytes of its log, of its outbox and its artifacts."""
        self.owners.add(owner(name), id)
        run = self.data / "runs" / id
        places = {
            "log": run / "steps" / "1" / "events.jsonl",
            "outbox": run / "outbox" / "plan.txt",
            "artifacts": self.data / "artifacts" / id / "log.txt",
        }
        for place, size in sizes.items():
            places[place].parent.mkdir(parents=True, exist_ok=True)
            places[place].touch()
            os.truncate(places[place], size)
        run.mkdir(parents=True, exist_ok=True)
        (run / "template.json").write_text(json.dumps({"owner": owner(name)}))
        return run

    def sweep(self) -> None:
        sweep_owners(self.data, self.data / "runs")

    def share(self, deployment: str) -> int:
        """The share by a worker that has counted nothing yet."""
        return OwnerBytes(self.data, self.data / "runs", LIMIT).log_share(deployment)


def room_of(scene: Scene, id: str) -> int:
    """The bytes that an artifact may have, without a reservation."""
    with scene.owners.room(id, "plan.txt") as room:
        return room


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_share_is_an_eighth_of_what_the_owners_deployments_leave(scene: Scene) -> None:
    """An owner who deployed without pause filled the host for all owners."""
    scene.deployment(FIRST, "ann")
    assert scene.share(FIRST) == NEW
    scene.deployment(SECOND, "ann", log=10_000_000, outbox=1_000_000, artifacts=5_000_000)
    assert scene.share(FIRST) == (LIMIT - 16_000_000) // 8
    scene.deployment(THIRD, "bob", artifacts=LIMIT)
    assert scene.share(FIRST) == (LIMIT - 16_000_000) // 8
    scene.deployment(SECOND, "ann", log=0)
    assert scene.share(FIRST) == (LIMIT - 6_000_000) // 8


@pytest.mark.parametrize("held", [LIMIT - 8 * ALWAYS_BYTES, LIMIT, 2 * LIMIT, 2**42])
def test_a_log_of_ordinary_size_is_never_cut(scene: Scene, held: int) -> None:
    scene.deployment(FIRST, "ann")
    scene.deployment(SECOND, "ann", artifacts=held)
    assert scene.share(FIRST) == ALWAYS_BYTES


def test_a_run_directory_of_an_earlier_version_has_no_owner_and_no_limit(scene: Scene) -> None:
    run = scene.deployment(FIRST, "ann", log=LIMIT)
    (run / "template.json").write_text('{"version": "1"}')
    assert scene.share(FIRST) == sys.maxsize


@pytest.mark.parametrize(
    "mark",
    [b"", b"x", b"[]", b"\xff", b'{"owner": []}', b'{"owner": "../runs"}', b'{"owner": "\\u0000"}'],
)
def test_a_broken_mark_of_a_run_directory_names_no_owner(scene: Scene, mark: bytes) -> None:
    run = scene.deployment(FIRST, "ann", log=LIMIT)
    (run / "template.json").write_bytes(mark)
    assert scene.share(FIRST) == sys.maxsize


def test_a_missing_deployment_and_no_id_have_no_limit(scene: Scene) -> None:
    assert [scene.share(id) for id in (FIRST, "../runs", "")] == [sys.maxsize] * 3


ENTRIES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("-99999999999999999999 bytes"),
    "link": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to(path.parent / "nothing"),
    "folder": lambda path: path.mkdir(),
    "queue": os.mkfifo,
}


@pytest.mark.parametrize("make", ENTRIES.values(), ids=ENTRIES.keys())
def test_an_entry_counts_by_its_name_whatever_it_is(
    scene: Scene, make: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    scene.deployment(FIRST, "ann")
    scene.deployment(SECOND, "ann", log=8_000_000)
    folder = scene.data / "owners" / owner("ann")
    (folder / SECOND).unlink()
    for name in (SECOND, "..x", "a name", "dep-1"):
        make(folder / name)
    before = {path: path.lstat().st_size for path in folder.iterdir()}

    assert scene.share(FIRST) == (LIMIT - 8_000_000) // 8
    assert caplog.text.count("an entry that is no deployment") == 3
    if make is not os.mkfifo:
        scene.owners.add(owner("ann"), SECOND)
    assert {path: path.lstat().st_size for path in folder.iterdir()} == before


def test_links_in_the_place_of_folders_are_not_followed(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.deployment(FIRST, "ann")
    scene.deployment(THIRD, "bob", log=LIMIT, artifacts=LIMIT)
    for kind in ("runs", "artifacts"):
        (scene.data / kind / SECOND).symlink_to(scene.data / kind / THIRD)
    (scene.data / "artifacts" / FIRST).mkdir()
    (scene.data / "artifacts" / FIRST / "log.txt").symlink_to("/dev/zero")
    scene.owners.add(owner("ann"), SECOND)
    assert scene.share(FIRST) == NEW

    (scene.data / "owners" / owner("eve")).symlink_to(scene.data / "owners" / owner("bob"))
    eve = scene.deployment(deployment_id("eve"), "eve")
    assert scene.share(eve.name) == NEW
    assert "its owner counts as new" in caplog.text
    assert not (scene.data / "owners" / owner("bob") / eve.name).exists()


@pytest.mark.parametrize("place", ["owners", "owners/digest"])
def test_a_file_in_the_place_of_the_folder_delays_no_deployment(
    scene: Scene, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = scene.data / place.replace("digest", owner("ann"))
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    scene.deployment(FIRST, "ann", log=LIMIT)
    assert scene.share(FIRST) == NEW
    assert "cannot be counted for its owner" in caplog.text


def test_a_count_serves_for_twenty_times_its_duration(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each large log of an owner with 10,000 deployments would take a thread for seconds."""
    times = iter([100.0, 101.0, 120.9, 121.1, 121.1, 121.2])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    scene.deployment(FIRST, "ann")
    scene.deployment(SECOND, "ann")
    assert room_of(scene, FIRST) == NEW
    scene.deployment(SECOND, "ann", log=8_000_000)
    assert room_of(scene, FIRST) == NEW
    assert room_of(scene, FIRST) == (LIMIT - 8_000_000) // 8


def test_only_the_folders_of_the_owners_deployments_are_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended deployments of other owners cost nothing."""
    scene.deployment(FIRST, "ann", log=1)
    scene.deployment(SECOND, "ann", log=8)
    for number in range(50):
        scene.deployment(deployment_id(str(number)), "bob", log=1, artifacts=1)
    read: list[str] = []

    def noted(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(path: object) -> object:
            read.append(str(path))
            return call(path)

        return run

    monkeypatch.setattr(os, "lstat", noted(os.lstat))
    monkeypatch.setattr(os, "listdir", noted(os.listdir))

    assert scene.share(FIRST) == (LIMIT - 8) // 8
    assert read
    names = (FIRST, SECOND, owner("ann"))
    assert [path for path in read if not any(name in path for name in names)] == []


def test_the_sweep_forgets_what_the_retention_has_deleted(scene: Scene) -> None:
    """A deployment counts before its run directory exists, so a new entry stays for a day."""
    entries = scene.data / "owners" / owner("ann")
    scene.deployment(FIRST, "ann")
    (scene.data / "artifacts" / SECOND).mkdir(parents=True)
    for id in (SECOND, THIRD, deployment_id("new")):
        scene.owners.add(owner("ann"), id)
    for id in (FIRST, SECOND, THIRD):
        os.utime(entries / id, (0, time.time() - DAY_SECONDS - 60))
    (entries / "a name").touch()
    scene.sweep()
    left = {path.name for path in entries.iterdir()}
    assert left == {FIRST, SECOND, deployment_id("new"), "a name"}


def test_the_sweep_touches_no_folder_that_the_host_has_not_made(scene: Scene) -> None:
    """Files of another program were deleted through a link in the place of an owner's folder."""
    foreign = scene.data / "foreign"
    owners = scene.data / "owners"
    for folder in (foreign, owners / "backup", owners / owner("ann")):
        folder.mkdir(parents=True)
        (folder / FIRST).write_text("")
        os.utime(folder / FIRST, (0, 0))
    (owners / owner("eve")).symlink_to(foreign)
    (owners / owner("bob")).write_text("a file")
    scene.sweep()
    assert (foreign / FIRST).exists()
    assert (owners / "backup" / FIRST).exists()
    assert not (owners / owner("ann") / FIRST).exists()


def test_the_sweep_follows_no_link_in_the_place_of_all_owners(scene: Scene) -> None:
    foreign = scene.data / "foreign"
    (foreign / owner("ann")).mkdir(parents=True)
    (foreign / owner("ann") / FIRST).write_text("")
    os.utime(foreign / owner("ann") / FIRST, (0, 0))
    (scene.data / "owners").symlink_to(foreign)
    scene.sweep()
    assert (foreign / owner("ann") / FIRST).exists()


def opened(scene: Scene, id: str) -> Path:
    """A deployment of ann that runs."""
    run = scene.deployment(id, "ann")
    (run / "work").mkdir()
    return run


def test_the_deployments_own_files_take_nothing_from_its_share(scene: Scene) -> None:
    """A repeat of `finalize_deployment` replaced a stored artifact by `owner_limit_reached`."""
    sizes = {"log": NEW, "outbox": NEW, "artifacts": NEW}
    scene.deployment(FIRST, "ann", **sizes)
    assert scene.share(FIRST) == NEW
    with scene.owners.room(FIRST, "outputs.json") as share:
        assert share == NEW


def test_logs_that_grow_at_once_are_reserved_with_their_copies(scene: Scene) -> None:
    """Each of them counted the others as empty, so that all had the same eighth."""
    ids = [deployment_id(str(number)) for number in range(20)]
    for id in ids:
        opened(scene, id)
    shares = [scene.owners.log_share(id) for id in ids]
    assert shares[:3] == [NEW, NEW // 2, NEW // 4]
    assert 4 * sum(share for share in shares if share > ALWAYS_BYTES) <= LIMIT
    # A later step, and a step whose supervisor is replaced, have the same share.
    assert [scene.owners.log_share(id) for id in ids] == shares


def test_a_reservation_ends_with_the_deployment(scene: Scene) -> None:
    run = opened(scene, FIRST)
    opened(scene, SECOND)
    scene.owners.log_share(FIRST)
    (run / "work").rmdir()
    scene.deployment(FIRST, "ann", outbox=800_000)
    assert scene.owners.log_share(SECOND) < NEW - 100_000, "the copies of the log are not sent"
    (run / "outbox" / "plan.txt").unlink()
    scene.deployment(FIRST, "ann", log=800_000)
    assert scene.owners.log_share(SECOND) == (LIMIT - 800_000) // 8


def test_files_that_are_written_at_once_end_within_the_limit(scene: Scene) -> None:
    """Each thread counted before the others wrote."""
    ids = [deployment_id(str(number)) for number in range(24)]
    for id in ids:
        scene.deployment(id, "ann")

    def write(id: str) -> list[int]:
        sizes = []
        for name in ("a.json", "b.json", "c.json", "d.json"):
            with scene.owners.room(id, name) as share:
                path = scene.data / "artifacts" / id / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                os.truncate(path, share)
            sizes.append(share)
        return sizes

    with ThreadPoolExecutor(len(ids)) as threads:
        sizes = [size for part in threads.map(write, ids) for size in part]
    assert len({*sizes}) > 4
    # Beyond the limit is only what each file may always have.
    assert sum(size for size in sizes if size > ALWAYS_BYTES) <= LIMIT


async def test_a_log_at_half_of_its_share_continues_after_a_restart(scene: Scene) -> None:
    """The bytes of the log counted twice: as its own and as those of its owner."""
    run = opened(scene, FIRST)
    folder = run / "steps" / "1"
    folder.mkdir(parents=True)
    (folder / "started.json").write_text("{}")
    for share in (0.5, 0.97):
        with (folder / "spool").open("ab") as spool:
            line = b"x" * 20_000 + b"\n"
            size = (folder / EVENT_FILE).stat().st_size if (folder / EVENT_FILE).exists() else 0
            spool.write(line * int((NEW * share - size) / (len(line) + 200)))
        owners = OwnerBytes(scene.data, scene.data / "runs", LIMIT)
        limit = SizeLimit(owner_share=partial(owners.log_share, FIRST))
        log = log_of(folder, limit=limit)
        await log.pump()
        if share == 0.5:
            log.release()
    assert (await log.close()).end is EndKind.COMPLETE
    log.release()
    assert (folder / EVENT_FILE).stat().st_size > NEW * 0.9


def test_tenant_and_owner_are_not_joined_into_the_same_digest() -> None:
    assert subject_of(Caller("a/b", "c")).digest != subject_of(Caller("a", "b/c")).digest


def test_a_disk_without_space_for_the_entry_is_a_full_disk(tmp_path: Path) -> None:
    """The deployment waits for space, as with any other file that cannot be written."""
    with small_disk(tmp_path / "disk", 1, inodes=64) as disk:
        disk.use_up_inodes()
        with pytest.raises(DiskFull), disk_space.needing_space():
            OwnerBytes(disk.path, disk.path / "runs", LIMIT).add(owner("ann"), FIRST)
