"""A state that terraform could not save is saved once the store answers, never over a later one."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.local import disk_space
from adapters.settings import Settings, base_environment
from adapters.terraform.state.backends import (
    LocalStateBackend,
    StateBackend,
    StateBackends,
    backend_file,
)
from adapters.terraform.state.gcs import GcsStateBackend, StateLock
from deployments.errors import StateBeingRecovered, Unavailable
from tests.support import stores
from tests.support.http_proxy import HttpProxy, http_proxy
from tests.support.ids import deployment_id
from tests.support.servers import free_port
from tests.support.small_disk import small_disk
from tests.support.stack_records import StackRecordsInMemory
from tests.support.verdicts import Verdict, always, never, nth
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.stack_states import StackStates
from worker.state_recovery import StateRecovery, unsaved_state_in

DEPLOYMENT = deployment_id("a")
STACK = "local.sandbox.demo-project-1.anava"
BEGIN = datetime(2026, 11, 27, tzinfo=UTC)
LINEAGE = "b7a4e3b0"


def state_of(serial: int, *names: str, lineage: str = LINEAGE) -> bytes:
    resources = [
        {"mode": "managed", "type": "a", "name": name, "instances": [{}]} for name in names
    ]
    return json.dumps({"serial": serial, "lineage": lineage, "resources": resources}).encode()


BEFORE, AFTER = state_of(1, "old"), state_of(2, "old", "new")


@dataclass(frozen=True)
class Host:
    """A host with a failed apply, its bucket, and a proxy between both."""

    data: Path
    proxy: HttpProxy
    state: GcsStateBackend
    records: StackRecordsInMemory

    @property
    def recovery(self) -> StateRecovery:
        """The recovery as a worker opens it after a restart."""
        settings = Settings(
            data_dir=self.data,
            state={"backend": "gcs", "bucket": stores.BUCKET},  # type: ignore[arg-type] # a group
            gcs={"endpoint": self.proxy.url},  # type: ignore[arg-type] # a group
        )
        states = StateBackends(settings, base_environment())
        root = RunRoot(self.data / "runs")
        stacks = StackStates(root, states, self.records)
        return StateRecovery(self.data / "errored-states", states, stacks)

    @property
    def directory(self) -> RunDirectory:
        return RunDirectory(self.data / "runs" / DEPLOYMENT)

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.data.glob("errored-states/*/*")}

    async def stored(self) -> tuple[bytes, StateLock | None]:
        """State and lock in the bucket; the links of the server lead through the proxy."""
        return await asyncio.to_thread(lambda: (self.state.read(), self.state.lock()))

    def lock(self, who: str = "anava@host-1") -> None:
        created = (BEGIN + timedelta(seconds=1)).isoformat()
        content = json.dumps({"Who": who, "Created": created}).encode()
        self.state.objects.put(f"stacks/{STACK}/default.tflock", content, "application/json")

    def store(self, state: bytes) -> None:
        self.state.objects.put(f"stacks/{STACK}/default.tfstate", state, "application/json")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    port = free_port()
    with stores.object_store(tmp_path / "buckets", f"http://127.0.0.1:{port}") as store:
        await store.until_up()
        await stores.make_bucket(store)
        async with http_proxy(f"http://{store.host}", port) as proxy:
            prefix, direct = f"stacks/{STACK}", f"http://{store.host}"
            state = GcsStateBackend(stores.BUCKET, prefix, direct, None)
            host = Host(tmp_path, proxy, state, StackRecordsInMemory())
            failed_apply(host.directory, GcsStateBackend(stores.BUCKET, prefix, proxy.url, None))
            host.store(BEFORE)
            host.lock()
            yield host


def failed_apply(directory: RunDirectory, backend: StateBackend) -> None:
    folder = directory.step(3)
    folder.mkdir(parents=True)
    directory.work.mkdir()
    (directory.path / "template.json").write_text(json.dumps({"stack": STACK}))
    (directory.work / "backend.tf.json").write_text(backend_file(backend))
    (directory.work / "errored.tfstate").write_bytes(AFTER)
    started = {"hostname": "host-1", "started_at": BEGIN.isoformat()}
    ended = {"exit_code": 1, "ended_at": (BEGIN + timedelta(minutes=1)).isoformat()}
    (folder / "started.json").write_text(json.dumps(started))
    (folder / "exit.json").write_text(json.dumps(ended))


async def test_a_state_is_saved_and_the_lock_removed(host: Host) -> None:
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert host.left == {"backend.tf.json", "recovery.json", "errored.tfstate"}
    assert await host.recovery.settle(DEPLOYMENT)
    assert await host.stored() == (AFTER, None)
    assert host.left == set(), "a saved state stays nowhere else"
    record = await host.records.read(STACK)
    assert record is not None
    assert (record.lineage, record.serial, record.saved) == (LINEAGE, 2, True)
    assert not await host.recovery.settle(DEPLOYMENT), "a repeat finds nothing to do"


async def test_a_store_that_is_away_is_tried_until_it_answers(host: Host) -> None:
    """The state was pushed once, at the end of the deployment, and then never again."""
    host.proxy.rule = always(Verdict.UNAVAILABLE)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    record = await host.records.read(STACK)
    assert record is not None
    assert (record.serial, record.saved) == (2, False)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await host.recovery.settle(DEPLOYMENT)
    with pytest.raises(StateBeingRecovered):
        await host.recovery.settle_stack(STACK)
    await host.recovery.settle_stack("another stack")
    host.directory.clear()
    host.proxy.rule = never
    _, lock = await host.stored()
    assert lock is not None, "until the state is saved the lock protects the stack"
    await host.recovery.settle_pending()
    assert (await host.stored(), host.left) == ((AFTER, None), set())


@pytest.mark.parametrize("number", range(1, 10))
async def test_each_request_of_the_recovery_may_be_lost(host: Host, number: int) -> None:
    """A push that timed out had happened; the next deployment made everything again.

    A recovery sends 9 requests.
    """
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    host.proxy.rule = nth(number, Verdict.CLOSE)
    await host.recovery.settle_pending()
    assert any(fate is Verdict.CLOSE for _, fate in host.proxy.calls), "the request was not sent"
    host.proxy.rule = never
    await host.recovery.settle_pending()
    assert (await host.stored(), host.left) == ((AFTER, None), set())


async def test_without_a_lock_of_ours_the_recovery_takes_one(host: Host) -> None:
    """Terraform repeats the release of a lock, and not the write of a state."""
    _, lock = await host.stored()
    assert lock is not None
    host.state.unlock(lock)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert await host.recovery.settle(DEPLOYMENT)
    assert any("ifGenerationMatch=0" in name and "tflock" in name for name, _ in host.proxy.calls)
    assert await host.stored() == (AFTER, None)


async def test_a_foreign_lock_is_waited_for(host: Host) -> None:
    host.lock("me@laptop")
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    with pytest.raises(Unavailable, match="me@laptop"):
        await host.recovery.settle(DEPLOYMENT)
    state, lock = await host.stored()
    assert (state, lock and lock.who) == (BEFORE, "me@laptop")


@pytest.mark.parametrize(
    "stored",
    [
        state_of(2, "old", "foreign"),
        state_of(3, "old"),
        state_of(1, "old", lineage="another"),
        state_of(9, "old", "new", lineage="another"),
    ],
)
async def test_a_state_that_does_not_continue_the_stored_state_is_not_written(
    host: Host, stored: bytes
) -> None:
    host.store(stored)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert not await host.recovery.settle(DEPLOYMENT)
    assert await host.stored() == (stored, None)
    assert host.left == {"refused.tfstate"}


@pytest.mark.parametrize("stored", [AFTER, state_of(3, "old", "new", "newer")])
async def test_a_state_that_had_arrived_is_not_written_again(host: Host, stored: bytes) -> None:
    host.store(stored)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert await host.recovery.settle(DEPLOYMENT)
    assert (await host.stored(), host.left) == ((stored, None), set())


async def test_a_state_with_a_deposed_object_that_the_later_one_lacks_is_kept(host: Host) -> None:
    """It was taken for arrived and removed, and nothing named the object any more."""
    unsaved, stored = json.loads(AFTER), state_of(3, "old")
    unsaved["resources"][1]["instances"] = [{"deposed": "aa11"}]
    (host.directory.work / "errored.tfstate").write_text(json.dumps(unsaved))
    host.store(stored)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert not await host.recovery.settle(DEPLOYMENT)
    assert (await host.stored(), host.left) == ((stored, None), {"refused.tfstate"})


@pytest.mark.parametrize("broken", [b"{}", b"{", b'{"serial": 1, "lineage": "", "resources": []}'])
async def test_a_damaged_copy_is_kept_and_never_written(host: Host, broken: bytes) -> None:
    (host.directory.work / "errored.tfstate").write_bytes(broken)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    assert not await host.recovery.settle(DEPLOYMENT)
    assert await host.stored() == (BEFORE, None)
    assert host.left == {"refused.tfstate"}


async def test_a_lock_alone_is_removed_later_too(host: Host) -> None:
    (host.directory.work / "errored.tfstate").unlink()
    host.proxy.rule = always(Verdict.UNAVAILABLE)
    await host.recovery.begin(host.directory, unsaved_state_in(host.directory))
    await host.recovery.settle_pending()
    host.directory.clear()
    host.proxy.rule = never
    assert (await host.stored())[1] is not None
    await host.recovery.settle_pending()
    assert (await host.stored(), host.left) == ((BEFORE, None), set())


def recoveries(data: Path) -> list[Path]:
    return list(data.glob("errored-states/*"))


# A terraform that holds the state's lock until the end of its input.
_HOLDER = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def locked_elsewhere(path: Path) -> Iterator[None]:
    holder = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(  # noqa: S603 - Python
        holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            process.communicate()


def local_recovery(data: Path) -> tuple[StateRecovery, RunDirectory, LocalStateBackend]:
    """The recovery of a host with local states, after a failed apply."""
    states = StateBackends(Settings(data_dir=data), {})
    stacks = StackStates(RunRoot(data / "runs"), states, StackRecordsInMemory())
    directory = RunDirectory(data / "runs" / DEPLOYMENT)
    backend = states.of(STACK)
    assert isinstance(backend, LocalStateBackend)
    backend.path.write_bytes(BEFORE)
    failed_apply(directory, backend)
    return StateRecovery(data / "errored-states", states, stacks), directory, backend


async def test_a_state_is_copied_into_the_reserve_of_a_full_disk(tmp_path: Path) -> None:
    """Each try left its draft: 65 drafts used up the reserve, and the state was never saved."""
    state = AFTER + b" " * 1_000_000
    with small_disk(tmp_path / "disk", 32) as disk:
        recovery, directory, _ = local_recovery(disk.path)
        (directory.work / "errored.tfstate").write_bytes(state)
        disk_space.make_reserve(directory.path)
        disk.fill()
        await recovery.begin(directory, unsaved_state_in(directory))
        assert recovery.unsaved_state(DEPLOYMENT) == state
        left = {path.name for path in disk.path.glob("errored-states/*/*")}
    assert left == {"backend.tf.json", "recovery.json", "errored.tfstate"}


async def test_a_cut_local_state_is_replaced_later_too(tmp_path: Path) -> None:
    """After a first try on a full disk the cut state counted as damaged for ever."""
    recovery, directory, backend = local_recovery(tmp_path)
    backend.path.write_bytes(BEFORE[:20])
    await recovery.begin(directory, unsaved_state_in(directory))
    directory.clear()
    assert await recovery.settle(DEPLOYMENT)
    assert backend.read() == AFTER
    assert recoveries(tmp_path) == []


async def test_a_cut_local_state_without_a_newer_copy_is_the_backup_later_too(
    tmp_path: Path,
) -> None:
    recovery, directory, backend = local_recovery(tmp_path)
    backend.path.write_bytes(BEFORE[:20])
    backend.path.with_name("terraform.tfstate.backup").write_bytes(BEFORE)
    (directory.work / "errored.tfstate").unlink()
    await recovery.begin(directory, unsaved_state_in(directory))
    directory.clear()
    await recovery.settle_pending()
    assert backend.read() == BEFORE
    assert recoveries(tmp_path) == []


async def test_a_cut_local_state_waits_for_the_terraform_that_holds_its_lock(
    tmp_path: Path,
) -> None:
    """A state that another terraform writes at this moment is cut as well."""
    recovery, directory, backend = local_recovery(tmp_path)
    backend.path.write_bytes(BEFORE[:20])
    await recovery.begin(directory, unsaved_state_in(directory))
    with locked_elsewhere(backend.path), pytest.raises(Unavailable, match="locked"):
        await recovery.settle(DEPLOYMENT)
    assert backend.read() == BEFORE[:20]
    assert await recovery.settle(DEPLOYMENT)
    assert backend.read() == AFTER
