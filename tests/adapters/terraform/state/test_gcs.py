"""The state in Cloud Storage and its lock, on a real object store."""

from datetime import UTC, datetime

import pytest

from adapters.terraform.state.gcs import GcsStateBackend, StateLock
from deployments.errors import Unavailable
from tests.adapters.terraform.state.bucket import locked, put


async def test_a_stack_without_a_state_has_none_and_no_lock(state: GcsStateBackend) -> None:
    assert (state.read(), state.lock()) == (b"", None)


async def test_the_lock_says_who_holds_it_where_and_since_when(state: GcsStateBackend) -> None:
    created = "2026-11-23T21:16:34.289808332Z"
    lock = locked(state, Who="an@odd@host-1", Created=created)
    at = datetime(2026, 11, 23, 21, 16, 34, 289808, UTC)
    assert (lock.host, lock.created_at) == ("host-1", at)


async def test_exactly_the_lock_that_was_seen_is_removed(state: GcsStateBackend) -> None:
    lock = locked(state)
    newer = locked(state)
    assert newer.generation != lock.generation
    assert state.unlock(lock) is False
    assert state.lock() == newer
    assert state.unlock(newer) is True
    assert state.lock() is None
    assert state.unlock(newer) is True, "a repeat finds it gone"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\x00",
        b'{"Who": "a@b"}',
        b'{"Who": "a@b", "Created": "yesterday"}',
        b'{"Who": {"x": 1}, "Created": 5}',
    ],
)
async def test_a_lock_that_nobody_can_read_is_a_lock_and_nobodys(
    state: GcsStateBackend, content: bytes
) -> None:
    generation = put(state, "tflock", content)
    assert state.lock() == StateLock(generation)
    assert StateLock(generation).host == ""


async def test_a_state_is_written_in_place_of_the_state_that_was_read(
    state: GcsStateBackend,
) -> None:
    state.replace(lambda present: b"first" if present == b"" else None)
    assert state.read() == b"first"
    state.replace(lambda present: present + b", second")
    assert state.read() == b"first, second"
    state.replace(lambda _: None)
    assert state.read() == b"first, second"


@pytest.mark.parametrize("present", [b"", b"present"])
async def test_a_state_that_another_process_wrote_meanwhile_stays(
    state: GcsStateBackend, present: bytes
) -> None:
    if present:
        put(state, "tfstate", present)

    def change(_: bytes) -> bytes:
        put(state, "tfstate", b"another")
        return b"ours"

    with pytest.raises(Unavailable, match="meanwhile"):
        state.replace(change)
    assert state.read() == b"another"


async def test_a_lock_is_taken_once_and_names_its_purpose(state: GcsStateBackend) -> None:
    lock = state.take("anava@host-1", "dep-1")
    assert lock is not None
    assert (lock.host, lock.info) == ("host-1", "dep-1")
    assert state.take("anava@host-1", "dep-2") is None
    assert state.lock() == lock


async def test_a_server_that_is_down_is_no_missing_state() -> None:
    state = GcsStateBackend("states", "x", "http://127.0.0.1:1", None)
    for ask in (state.read, state.lock, lambda: state.unlock(StateLock(1))):
        with pytest.raises(Unavailable, match="Cloud Storage"):
            ask()
