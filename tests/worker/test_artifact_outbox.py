"""An artifact leaves the outbox when the store has it, and not before."""

import asyncio
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from adapters.local.artifacts import LocalArtifactStore
from deployments.artifacts import LIMIT_REACHED, OWNER_LIMIT_REACHED, Artifact, Content
from deployments.errors import Unavailable
from deployments.size_limit import ALWAYS_BYTES
from tests.support.ids import deployment_id
from worker.artifact_outbox import ARTIFACT_GIVEN_UP, ArtifactOutbox
from worker.run_directory import RunDirectory

DEPLOYMENT, OTHER, NONE = map(deployment_id, ("outbox", "other", "none"))
WEEK = 604_800


class Store(LocalArtifactStore):
    """Does something before it takes an artifact."""

    before: Callable[[str], None] = staticmethod(lambda _: None)

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        self.before(name)
        return await super().put(deployment, name, content)

    async def text(self, name: str) -> str:
        opened = await self.open(DEPLOYMENT, name)
        return b"".join([chunk async for chunk in opened.chunks]).decode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    folder = tmp_path / DEPLOYMENT / "steps" / "1"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text('{"text":"é"}\n')
    return RunDirectory(tmp_path / DEPLOYMENT)


def refuse(_: str) -> None:
    raise Unavailable("out of order")


async def test_what_is_laid_arrives_byte_for_byte_and_then_nothing_is_owed(
    store: Store, directory: RunDirectory
) -> None:
    boxes = ArtifactOutbox(store, WEEK)
    assert not boxes.has_pending(directory)
    await boxes.send(directory)
    boxes.enqueue(directory, "plan.txt", "+ é\r\n")
    boxes.enqueue_logs(directory)
    assert boxes.has_pending(directory)
    await boxes.send(directory)
    assert not boxes.has_pending(directory)
    names = [entry.name for entry in await store.entries(DEPLOYMENT)]
    assert names == ["log.jsonl.gz", "log.txt", "plan.txt", "step-1.jsonl"]
    assert await store.text("plan.txt") == "+ é\r\n"
    assert await store.text("step-1.jsonl") == '{"text":"é"}\n'


async def test_a_dead_sender_leaves_what_it_had_not_sent_to_the_next_one(
    store: Store, directory: RunDirectory
) -> None:
    boxes = ArtifactOutbox(store, WEEK)
    for name in ("outputs.json", "record.json"):
        boxes.enqueue(directory, name, "{}")

    def die(name: str) -> None:
        if name == "record.json":
            raise KeyboardInterrupt

    store.before = die
    with pytest.raises(KeyboardInterrupt):
        await boxes.send(directory)
    assert [entry.name for entry in await store.entries(DEPLOYMENT)] == ["outputs.json"]
    store.before = lambda _: None
    await ArtifactOutbox(store, WEEK).send(directory)
    assert [item.name for item in await store.entries(DEPLOYMENT)] == [
        "outputs.json",
        "record.json",
    ]


async def test_what_is_laid_again_while_it_is_sent_is_sent_again(
    store: Store, directory: RunDirectory
) -> None:
    boxes = ArtifactOutbox(store, WEEK)
    sent: list[str] = []

    def lay_again(name: str) -> None:
        sent.append(name)
        if len(sent) == 1:
            boxes.enqueue(directory, "plan.txt", "the second plan")

    store.before = lay_again
    boxes.enqueue(directory, "plan.txt", "the first plan")
    await boxes.send(directory)
    assert sent == ["plan.txt", "plan.txt"]
    assert await store.text("plan.txt") == "the second plan"


async def test_what_one_deployment_cannot_send_holds_up_no_other(
    store: Store, directory: RunDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    boxes = ArtifactOutbox(store, WEEK)
    other = RunDirectory(tmp_path / OTHER)
    boxes.enqueue(directory, "plan.txt", "")
    boxes.enqueue(other, "record.json", "{}")
    store.before = lambda name: refuse(name) if name == "plan.txt" else None
    await boxes.send_pending([RunDirectory(tmp_path / NONE), directory, other])
    assert (boxes.has_pending(directory), boxes.has_pending(other)) == (True, False)
    assert f"artifacts of {DEPLOYMENT} are not sent yet: out of order" in caplog.text
    store.before = lambda _: None
    await boxes.send_pending([directory, other])
    assert not boxes.has_pending(directory)


async def test_two_workers_send_one_after_the_other(store: Store, directory: RunDirectory) -> None:
    boxes = ArtifactOutbox(store, WEEK)
    boxes.enqueue(directory, "record.json", "{}")
    other = os.open(directory.path / "outbox", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    sending = asyncio.create_task(boxes.send(directory))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(sending), 0.3)
    assert boxes.has_pending(directory)
    os.close(other)
    await sending
    assert not boxes.has_pending(directory)


async def test_what_is_too_old_is_given_up_with_its_reason(
    store: Store, directory: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    store.before = refuse
    boxes = ArtifactOutbox(store, WEEK)
    for name in ("plan.txt", "record.json"):
        boxes.enqueue(directory, name, "{}")
    with pytest.raises(Unavailable):
        await boxes.send(directory)
    os.utime(directory.path / "outbox" / "plan.txt", (0, 0))
    with pytest.raises(Unavailable):
        await boxes.send(directory)
    assert f"{ARTIFACT_GIVEN_UP}: outbox/plan.txt: out of order" in caplog.text
    store.before = lambda _: None
    await boxes.send(directory)
    assert [entry.name for entry in await store.entries(DEPLOYMENT)] == ["record.json"]


async def test_what_is_no_artifact_in_the_outbox_is_let_lie(
    store: Store, directory: RunDirectory
) -> None:
    """A draft of a dead writer, a state that somebody put there."""
    boxes = ArtifactOutbox(store, WEEK)
    boxes.enqueue(directory, "record.json", "{}")
    for name in (".record.json.a1b2", "terraform.tfstate", "a name"):
        (directory.path / "outbox" / name).write_text("x")
    await boxes.send(directory)
    assert [entry.name for entry in await store.entries(DEPLOYMENT)] == ["record.json"]
    assert not boxes.has_pending(directory)


@pytest.mark.parametrize("name", ["plan.json", "plan.txt", "outputs.json", "outputs.encrypted"])
@pytest.mark.parametrize("content", ["x" * 101, "é" * 51, "\U0001f4a5" * 26, "\0" * 101])
async def test_in_place_of_an_artifact_beyond_the_limit_stands_the_reason(
    store: Store,
    directory: RunDirectory,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: str,
) -> None:
    """A plan of any size was stored for a year."""
    boxes = ArtifactOutbox(store, WEEK, limit_bytes=100)
    await boxes.enqueue_limited(directory, name, content)
    await boxes.send(directory)

    assert LIMIT_REACHED in await store.text(name)
    assert content not in await store.text(name)
    assert f"{LIMIT_REACHED}: {name} of {DEPLOYMENT} has" in caplog.text
    if name != "outputs.encrypted":
        [entry] = await store.entries(DEPLOYMENT)
        assert entry.left_out == LIMIT_REACHED


async def test_an_artifact_that_is_left_out_is_replaced_by_a_later_version(
    store: Store, directory: RunDirectory
) -> None:
    boxes = ArtifactOutbox(store, WEEK, limit_bytes=100)
    for content, reason in (("x" * 101, LIMIT_REACHED), ("é" * 50, ""), ("x" * 101, LIMIT_REACHED)):
        await boxes.enqueue_limited(directory, "plan.txt", content)
        await boxes.send(directory)
        [entry] = await store.entries(DEPLOYMENT)
        assert entry.left_out == reason


async def test_logs_and_the_record_are_not_artifacts_of_this_limit(
    store: Store, directory: RunDirectory
) -> None:
    """The record names the stack, without which logs and plans stay for ever."""
    boxes = ArtifactOutbox(store, WEEK, limit_bytes=1)
    boxes.enqueue(directory, "record.json", "{}")
    boxes.enqueue_logs(directory)
    await boxes.send(directory)

    entries = await store.entries(DEPLOYMENT)
    assert {entry.name for entry in entries} > {"record.json", "log.txt", "step-1.jsonl"}
    assert {entry.left_out for entry in entries} == {""}


async def test_in_place_of_an_artifact_beyond_the_share_of_the_owner_stands_this_reason(
    store: Store, directory: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """An owner's plans and outputs filled the disk of all owners."""
    shares: list[tuple[str, str]] = []
    loop = threading.get_ident()

    @contextmanager
    def room(deployment: str, name: str) -> Iterator[int]:
        assert threading.get_ident() != loop, "the event loop waits for a count"
        shares.append((deployment, name))
        yield 2 * ALWAYS_BYTES
        if name == "plan.json":
            assert (directory.path / "outbox" / name).exists(), "the file is admitted, not written"

    boxes = ArtifactOutbox(store, WEEK, 4 * ALWAYS_BYTES, room)
    sizes = {
        "plan.txt": ALWAYS_BYTES,
        "plan.json": 2 * ALWAYS_BYTES,
        "outputs.json": 2 * ALWAYS_BYTES + 1,
        "too-large.json": 4 * ALWAYS_BYTES + 1,
    }
    for name, size in sizes.items():
        await boxes.enqueue_limited(directory, name, "x" * size)
    boxes.enqueue(directory, "record.json", "x" * 5 * ALWAYS_BYTES)
    await boxes.send(directory)

    entries = {entry.name: entry for entry in await store.entries(DEPLOYMENT)}
    left_out = {name: entry.left_out for name, entry in entries.items() if entry.left_out}
    assert left_out == {"outputs.json": OWNER_LIMIT_REACHED, "too-large.json": LIMIT_REACHED}
    message = entries["outputs.json"].left_out_message
    assert "the owner's deployments have reached their limit on the host" in message
    assert "An operator can shorten the retention of earlier deployments" in message
    assert json.loads(await store.text("outputs.json"))["message"] == message
    assert entries["plan.txt"].left_out_message == ""
    assert f"{OWNER_LIMIT_REACHED}: outputs.json of {DEPLOYMENT} has" in caplog.text
    # A file of ordinary size, and a file beyond the deployment's own limit, need no count.
    assert shares == [(DEPLOYMENT, "plan.json"), (DEPLOYMENT, "outputs.json")]


@pytest.mark.parametrize("sent", [False, True])
async def test_a_repeat_replaces_no_artifact_by_the_limit_of_the_owner(
    store: Store, directory: RunDirectory, sent: bool
) -> None:
    """Temporal repeats `report_plan`; meanwhile other deployments of the owner wrote."""
    room = 2 * ALWAYS_BYTES
    boxes = ArtifactOutbox(store, WEEK, owner_room=lambda *_: nullcontext(room))
    await boxes.enqueue_limited(directory, "plan.json", "x" * room)
    if sent:
        await boxes.send(directory)
    room = ALWAYS_BYTES
    await boxes.enqueue_limited(directory, "plan.json", "y" * 2 * ALWAYS_BYTES)
    await boxes.enqueue_limited(directory, "plan.txt", "y" * 2 * ALWAYS_BYTES)
    await boxes.send(directory)
    assert await store.text("plan.json") == "y" * 2 * ALWAYS_BYTES
    assert OWNER_LIMIT_REACHED in await store.text("plan.txt")

    # A plan of the next try that needs more bytes has no room.
    await boxes.enqueue_limited(directory, "plan.json", "z" * (2 * ALWAYS_BYTES + 1))
    await boxes.send(directory)
    assert OWNER_LIMIT_REACHED in await store.text("plan.json")


async def test_a_store_that_does_not_answer_delays_no_end_at_the_limit_of_the_owner(
    store: Store, directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(deployment: str, name: str) -> Content:
        raise Unavailable("out of order")

    monkeypatch.setattr(store, "open", refused)
    boxes = ArtifactOutbox(store, WEEK, owner_room=lambda *_: nullcontext(0))
    await boxes.enqueue_limited(directory, "plan.json", "x" * 2 * ALWAYS_BYTES)
    assert OWNER_LIMIT_REACHED in (directory.path / "outbox" / "plan.json").read_text()
