"""Retention in Cloud Storage and Firestore, on their real servers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from adapters.firestore.client import Firestore, open_firestore
from adapters.firestore.log import FirestoreLogSink, FirestoreLogSource
from adapters.firestore.retained_documents import RetainedDocuments
from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import Objects, open_objects
from adapters.gcs.retained_objects import RetainedObjects, is_no_record, is_record
from deployments.events import EndKind, EndRecord, EventChunk, EventId
from deployments.log_ports import LogSink, LogSource
from deployments.retention import Facts, RetainReason, Stored
from tests.support import stores
from tests.support.ids import deployment_id
from worker.retained_states import RetainedBucketStates
from worker.retention import RetentionStore

START = EventId(0, 0)
STACK = "local.sandbox.demo-project-1.anava"


def new_id() -> str:
    """An id that no other test of the same store has."""
    return deployment_id(uuid4().hex)


@dataclass
class Logs:
    """A store of logs with its retention."""

    sink: LogSink
    source: LogSource
    retained: RetentionStore
    end: Callable[[str], Awaitable[object]]

    async def write(self, deployment: str) -> None:
        """A log of two steps, one of them sealed."""
        await self.sink.write(deployment, EventChunk(1, 1, 1, b"{}\n"))
        record = EndRecord(1, EndKind.COMPLETE, 1, "0" * 64)
        await self.sink.write(deployment, EventChunk(1, 2, 2, record.encode()))
        assert await self.sink.seal(deployment, record) == 2
        await self.sink.write(deployment, EventChunk(2, 1, 1, b"{}\n"))
        await self.end(deployment)

    async def entry(self, deployment: str) -> Stored | None:
        entries = {stored.id: stored for stored in await self.retained.entries()}
        return entries.get(deployment)


async def open_bucket(server: stores.Store) -> Objects:
    await server.until_up()
    await stores.make_bucket(server)
    return open_objects(stores.BUCKET, f"http://{server.host}", None)


async def gcs_logs(server: stores.Store) -> Logs:
    objects = await open_bucket(server)

    async def end(_: str) -> None:
        """Objects have their times from the server."""

    return Logs(GcsLogSink(objects), GcsLogSource(objects), RetainedObjects(objects, "logs"), end)


async def firestore_logs(firestore: Firestore) -> Logs:
    async def end(deployment: str) -> None:
        content = {"stack": STACK, "status": "completed", "ended_at": "2026-01-01T00:00:00.000Z"}
        await firestore.deployment(deployment).set(content)

    source = FirestoreLogSource(firestore)
    return Logs(FirestoreLogSink(firestore), source, RetainedDocuments(firestore), end)


@pytest.fixture(params=["gcs", "firestore"])
async def logs(
    request: pytest.FixtureRequest,
    servers: dict[str, stores.Store],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Logs]:
    server = servers[request.param]
    await server.until_up()
    if request.param == "gcs":
        yield await gcs_logs(server)
        return
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.host)
    firestore = open_firestore("a-retention-test")
    yield await firestore_logs(firestore)
    firestore.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def test_a_log_is_deleted_whole_and_no_other(logs: Logs) -> None:
    old, other = new_id(), new_id()
    await logs.write(old)
    await logs.write(other)
    entry = await logs.entry(old)
    assert entry is not None

    for _ in range(2):
        assert await logs.retained.remove(entry), "a repeat changes nothing"

    assert await logs.entry(old) is None
    assert await logs.source.read(old, START, 1000) == []
    assert [chunk.id for chunk in await logs.source.read(other, START, 1000)][-1] == EventId(2, 1)


async def test_names_that_are_no_deployment_are_left_alone(logs: Logs) -> None:
    name = "dep-of-another-program"
    await logs.write(name)

    assert await logs.entry(name) is None


async def test_a_status_document_names_stack_and_end(
    servers: dict[str, stores.Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    await servers["firestore"].until_up()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", servers["firestore"].host)
    firestore = open_firestore("a-retention-test")
    logs = await firestore_logs(firestore)
    ended, still_open = new_id(), new_id()
    await logs.write(ended)
    await firestore.deployment(still_open).set({"stack": STACK, "ended_at": ""})

    assert await logs.entry(ended) == Stored(
        ended, 1767225600.0, 0, None, Facts(STACK, completed=True)
    )
    entry = await logs.entry(still_open)
    assert entry is not None
    assert entry.reason is RetainReason.OPEN
    firestore.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def test_records_and_other_artifacts_have_limits_of_their_own(
    servers: dict[str, stores.Store],
) -> None:
    objects = await open_bucket(servers["gcs"])
    deployment = new_id()
    for name in ("record.json", "log.txt", "plan.json"):
        objects.put(f"artifacts/{deployment}/{name}", b"{}", "application/json")
    artifacts = RetainedObjects(objects, "artifacts", is_no_record)
    records = RetainedObjects(objects, "artifacts", is_record)

    entry = next(stored for stored in await artifacts.entries() if stored.id == deployment)
    assert entry.size_bytes == 4
    await artifacts.remove(entry)

    assert list(objects.names(f"artifacts/{deployment}/", "")) == [
        f"artifacts/{deployment}/record.json"
    ]
    await records.remove(entry)
    assert list(objects.names(f"artifacts/{deployment}/", "")) == []


async def test_only_the_state_of_a_destroyed_stack_is_deleted_from_the_bucket(
    servers: dict[str, stores.Store],
) -> None:
    objects = await open_bucket(servers["gcs"])
    state: dict[str, object] = {"lineage": "l", "serial": 9, "resources": []}
    living = {"mode": "managed", "type": "t", "name": "n", "instances": [{}]}
    contents = {
        "gone": json.dumps(state),
        "changed": json.dumps(state),
        "locked": json.dumps(state),
        "recorded": json.dumps(state),
        "living": json.dumps(state | {"resources": [living]}),
        "empty": "",
        "damaged": "{",
        "large": json.dumps(state | {"check_results": "x" * 100_000}),
    }
    for name, content in contents.items():
        path = f"stacks/{STACK}-{name}/default.tfstate"
        objects.put(path, content.encode(), "application/json")
    objects.put(f"stacks/{STACK}-locked/default.tflock", b"{}", "application/json")

    async def is_recorded(stack: str) -> bool:
        return stack == f"{STACK}-recorded"

    retained = RetainedBucketStates(objects, is_recorded)
    entries = {stored.id.removeprefix(f"{STACK}-"): stored for stored in await retained.entries()}
    assert {name for name, stored in entries.items() if stored.reason is None} == {
        *("gone", "changed", "locked", "recorded")
    }
    changed = json.dumps(state | {"serial": 10, "resources": [living]})
    objects.put(f"stacks/{STACK}-changed/default.tfstate", changed.encode(), "application/json")

    removed = {
        name: await retained.remove(stored)
        for name, stored in entries.items()
        if stored.reason is None
    }

    assert removed == {"gone": True, "changed": False, "locked": False, "recorded": False}
    names = objects.names("stacks/", "")
    left = {name.split("/")[1].removeprefix(f"{STACK}-") for name in names}
    assert left == contents.keys() - {"gone"}
