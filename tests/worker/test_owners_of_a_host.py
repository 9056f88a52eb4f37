"""A host counts each deployment that it prepares for its owner, once, and by no name as a path."""

from pathlib import Path

import pytest

from adapters.settings import LimitsSettings, Settings
from deployments.artifacts import OWNER_LIMIT_REACHED, left_out_content
from deployments.deployment import DeploymentRequest, Stack
from deployments.execution import Caller
from deployments.size_limit import ALWAYS_BYTES
from deployments.subject import subject_of
from tests.support.ids import deployment_id
from tests.support.worker_host import worker_host
from worker.owner_bytes import OwnerBytes

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
NEW = 10_000_000
FIRST, SECOND = map(deployment_id, ("first", "second"))


def owner(name: str) -> str:
    return subject_of(Caller("local", name)).digest


NAMES = ["ann", "", "../../etc", "a/b", "\0", "é" * 5_000, "ann/bob", ".", "\udcff"]


def entries_of(data: Path) -> set[tuple[str, ...]]:
    paths = {path.relative_to(data / "owners").parts for path in data.glob("owners/**/*")}
    return {path for path in paths if len(path) > 1}


async def test_no_name_of_an_owner_becomes_a_path(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, limits=LimitsSettings(owner_mb=80))
    ids = [deployment_id(name.encode("utf-8", "replace").decode()) for name in NAMES]
    async with worker_host(settings) as host:
        for id, name in zip(ids, NAMES, strict=True):
            await host.prepare(id, REQUEST, "run", name)
            await host.prepare(id, REQUEST, "run", name)
    named = [(owner(name), id) for id, name in zip(ids, NAMES, strict=True)]
    assert entries_of(tmp_path) == {*named}
    shares = {id: OwnerBytes.open(settings).log_share(id) for id in ids}
    assert shares == dict.fromkeys(ids, NEW)


async def test_the_host_leaves_out_the_outputs_of_an_owner_without_room(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, limits=LimitsSettings(owner_mb=1))
    async with worker_host(settings) as host:
        for id, size in ((FIRST, ALWAYS_BYTES), (SECOND, ALWAYS_BYTES + 1)):
            await host.prepare(id, REQUEST, "run", "ann")
            await host.archive.enqueue(id, "{}", "x" * size)
    outputs = [settings.runs / id / "outbox" / "outputs.json" for id in (FIRST, SECOND)]
    assert outputs[0].stat().st_size == ALWAYS_BYTES
    assert outputs[1].read_text() == left_out_content("outputs.json", OWNER_LIMIT_REACHED)


async def test_a_worker_counts_the_bytes_of_owners_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three counts of the same owner knew nothing of each other."""
    counts: list[OwnerBytes] = []

    class Noted(OwnerBytes):
        def __init__(self, data: Path, run_root: Path, limit_bytes: int) -> None:
            super().__init__(data, run_root, limit_bytes)
            counts.append(self)

    monkeypatch.setattr("worker.host.OwnerBytes", Noted)
    async with worker_host(Settings(data_dir=tmp_path)) as host:
        await host.prepare(FIRST, REQUEST, "run", "ann")
    assert len(counts) == 1
