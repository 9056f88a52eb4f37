"""The status document, and who may read it by status.rules, on the emulator."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from adapters.firestore import status as status_module
from adapters.firestore.client import Firestore, open_firestore
from adapters.firestore.log import FirestoreLogSink
from adapters.firestore.status import FirestoreStatusMirror
from deployments.deployment import Operation, Status
from deployments.errors import Unavailable
from deployments.execution import DeploymentSnapshot
from deployments.phase import Phase
from deployments.reasons import Reason
from tests.support import stores
from tests.support.grpc_proxy import GrpcProxy, grpc_proxy
from tests.support.logs import chunk
from tests.support.servers import ROOT, eventually, free_port
from worker.status_mirror import StatusMirrorLoop

MINE = DeploymentSnapshot(
    id="dep-mine",
    tenant="local",
    owner="uid-1",
    stack="sandbox.customer-1.anava",
    operation=Operation.DEPLOY,
    status=Status.RUNNING,
    phase=Phase.APPLY,
    reason=Reason.NONE,
    created_at="2026-11-24T10:00:00.000Z",
)
ENDED = replace(MINE, status=Status.COMPLETED, reason=Reason.APPLIED, ended_at="later")
# Of owners that no test asks for: it must not show in what others see.
PACED = replace(MINE, id="dep-paced", owner="uid-3")
BOTH = replace(MINE, id="dep-both", owner="uid-3")
THEIRS = replace(MINE, id="dep-theirs", owner="uid-2")
DOCUMENTS = "/v1/projects/a-test/databases/(default)/documents"
CHUNK = "steps/0000000001/chunks/0000000001"


@pytest.fixture(scope="module")
def server() -> Iterator[stores.Store]:
    with stores.firestore(ROOT / "adapters" / "firestore" / "status.rules") as found:
        yield found


@pytest.fixture
async def filled(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[stores.Store]:
    await server.until_up()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.host)
    store = open_firestore("a-test")
    for item in (MINE, THEIRS):
        await FirestoreStatusMirror(store).write(item)
        await FirestoreLogSink(store).write(item.id, chunk(1, 1, 3))
    yield server
    store.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


def token(uid: str) -> str:
    """As the emulator takes it: not signed."""
    content = {"sub": uid, "user_id": uid, "iat": 0, "aud": "a-test"}
    parts = ({"alg": "none", "typ": "JWT"}, content)
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in parts
        )
        + "."
    )


def client(server: stores.Store, uid: str | None) -> httpx.AsyncClient:
    """A customer's web client."""
    headers = {"Authorization": f"Bearer {token(uid)}"} if uid else {}
    return httpx.AsyncClient(base_url=f"http://{server.host}", headers=headers, trust_env=False)


async def test_an_owner_reads_its_deployment_and_its_log(filled: stores.Store) -> None:
    async with client(filled, "uid-1") as session:
        found = await session.get(f"{DOCUMENTS}/deployments/dep-mine")
        assert found.status_code == 200, found.text
        fields = {name: one["stringValue"] for name, one in found.json()["fields"].items()}
        assert fields == {
            "tenant": "local",
            "owner": "uid-1",
            "stack": "sandbox.customer-1.anava",
            "operation": "deploy",
            "status": "running",
            "phase": "apply",
            "reason": Reason.NONE,
            "created_at": "2026-11-24T10:00:00.000Z",
            "started_at": "",
            "ended_at": "",
        }
        log = await session.get(f"{DOCUMENTS}/deployments/dep-mine/{CHUNK}")
        assert log.status_code == 200, log.text


@pytest.mark.parametrize("uid", [None, "", "uid-2", "local", "uid-1 ", "UID-1"])
@pytest.mark.parametrize("path", ["dep-mine", f"dep-mine/{CHUNK}", "dep-mine/steps/0000000001"])
async def test_nobody_else_reads_it(filled: stores.Store, uid: str | None, path: str) -> None:
    async with client(filled, uid) as session:
        answer = await session.get(f"{DOCUMENTS}/deployments/{path}")
    assert answer.status_code == 403, answer.text


async def query(session: httpx.AsyncClient, owner: str | None) -> httpx.Response:
    asked: dict[str, object] = {"from": [{"collectionId": "deployments"}]}
    if owner is not None:
        asked["where"] = {
            "fieldFilter": {
                "field": {"fieldPath": "owner"},
                "op": "EQUAL",
                "value": {"stringValue": owner},
            }
        }
    return await session.post(f"{DOCUMENTS}:runQuery", json={"structuredQuery": asked})


async def test_a_query_gives_its_own_and_is_refused_for_anything_else(
    filled: stores.Store,
) -> None:
    async with client(filled, "uid-1") as session:
        own = await query(session, "uid-1")
        assert [item["document"]["name"].rpartition("/")[2] for item in own.json()] == ["dep-mine"]
        for owner in ("uid-2", None):
            assert (await query(session, owner)).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["deployments/dep-mine", "deployments/dep-new", f"deployments/dep-mine/{CHUNK}", "other/x"],
)
async def test_nobody_writes_not_even_the_owner(filled: stores.Store, path: str) -> None:
    fields = {"fields": {"owner": {"stringValue": "uid-1"}, "status": {"stringValue": "completed"}}}
    for uid in ("uid-1", None):
        async with client(filled, uid) as session:
            written = await session.patch(f"{DOCUMENTS}/{path}", json=fields)
            removed = await session.delete(f"{DOCUMENTS}/{path}")
        assert (written.status_code, removed.status_code) == (403, 403)


class Told:
    """Standings as a test tells them."""

    def __init__(self, *found: DeploymentSnapshot) -> None:
        self.found = found

    async def list_recent(self, seconds: float) -> tuple[DeploymentSnapshot, ...]:
        return self.found


class Kept:
    """A mirror that counts; `broken` once."""

    def __init__(self) -> None:
        self.written: list[DeploymentSnapshot] = []
        self.broken = False

    async def write(self, snapshot: DeploymentSnapshot) -> bool:
        if self.broken:
            self.broken = False
            raise Unavailable("not now")
        self.written.append(snapshot)
        return True


async def test_only_changes_are_written_and_what_failed_is_written_the_next_time() -> None:
    told, kept = Told(MINE, THEIRS), Kept()
    mirror = StatusMirrorLoop(told, kept)
    await mirror.copy_changes(60)
    await mirror.copy_changes(60)
    assert kept.written == [MINE, THEIRS]
    told.found, kept.broken = (ENDED, THEIRS), True
    with pytest.raises(Unavailable):
        await mirror.copy_changes(60)
    await mirror.copy_changes(60)
    assert kept.written[2:] == [ENDED]


async def test_an_older_list_does_not_wake_what_has_ended() -> None:
    told, kept = Told(ENDED), Kept()
    mirror = StatusMirrorLoop(told, kept)
    await mirror.copy_changes(60)
    told.found = (MINE,)
    await mirror.copy_changes(60)
    assert kept.written == [ENDED]


@asynccontextmanager
async def watched(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Firestore, GrpcProxy]]:
    """A client whose calls are counted."""
    await server.until_up()
    async with grpc_proxy(server.host) as proxy:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
        store = open_firestore("a-test")
        yield store, proxy
        store.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def status(store: Firestore, deployment: str) -> str:
    found = (await store.deployment(deployment).get(**store.limits)).to_dict()
    return str((found or {})["status"])


async def test_workers_together_write_once_a_second_at_most_and_end_with_what_is_true(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = asyncio.get_running_loop().time
    async with watched(server, monkeypatch) as (store, proxy):
        told = Told()
        workers = [StatusMirrorLoop(told, FirestoreStatusMirror(store)) for _ in range(3)]
        begin, versions = clock(), set()
        for number in range(100):
            told.found = (replace(PACED, stack=f"change {number}"),)
            await asyncio.gather(*(item.copy_changes(60) for item in workers))
            versions.add((await store.deployment("dep-paced").get(**store.limits)).update_time)
        assert len(versions) <= clock() - begin + 1
        told.found = (replace(PACED, status=Status.COMPLETED, ended_at="later"),)

        async def ended() -> bool:
            await asyncio.gather(*(worker.copy_changes(60) for worker in workers))
            return await status(store, "dep-paced") == Status.COMPLETED

        await eventually(ended, "the end in the document", 10)
        before = len(proxy.calls)
        await asyncio.gather(*(worker.copy_changes(60) for worker in workers))
        calls = [name for name, _ in proxy.calls[before:]]
        assert not [name for name in calls if name.endswith("/Commit")], "all know of it"


async def test_of_two_who_write_at_once_one_looks_again(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(server, monkeypatch) as (store, _):
        mirror = FirestoreStatusMirror(store)
        made = [replace(BOTH, stack=item) for item in ("first", "second")]
        assert sorted(await asyncio.gather(*map(mirror.write, made))) == [False, True]


async def test_a_late_worker_does_not_wake_what_has_ended_but_a_reset_does(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = replace(MINE, id="dep-late", owner="uid-3")
    ended = replace(ENDED, id="dep-late", owner="uid-3")
    monkeypatch.setattr(status_module, "_WRITE_INTERVAL", timedelta(0))
    async with watched(server, monkeypatch) as (store, _):
        mirror = FirestoreStatusMirror(store)
        assert await mirror.write(ended)
        assert not await mirror.write(late)
        assert await status(store, ended.id) == Status.COMPLETED
        # A deployment that an operator has reset runs for longer than lists are late.
        monkeypatch.setattr(status_module, "_MAX_LIST_LAG", timedelta(0))
        assert await mirror.write(late)
        assert await status(store, ended.id) == Status.RUNNING


async def test_a_dead_firestore_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    store = open_firestore("a-test", 0.5)
    with pytest.raises(Unavailable, match="Firestore"):
        await FirestoreStatusMirror(store).write(MINE)
    store.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it
