"""A lock of a dead terraform of ours is removed; any other lock stays."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.terraform.state.backends import LocalStateBackend
from adapters.terraform.state.gcs import GcsStateBackend
from adapters.terraform.state.own_locks import TerraformRun, dead_runs, free_own_lock
from deployments.errors import Unavailable
from tests.adapters.terraform.state.bucket import NOW, locked

MINUTE = timedelta(minutes=1)
RUN = TerraformRun("host-1", NOW.isoformat(), (NOW + MINUTE).isoformat())


@pytest.mark.parametrize("created_at", [NOW, NOW + MINUTE / 2, NOW + MINUTE])
async def test_the_lock_that_was_made_within_a_step_of_this_machine_is_removed(
    state: GcsStateBackend, created_at: object
) -> None:
    """The lock of a killed plan stayed: no message of terraform had named it."""
    locked(state, Operation="OperationTypePlan", Created=str(created_at))
    assert free_own_lock(state, [RUN])
    assert state.lock() is None
    assert not free_own_lock(state, [RUN]), "a repeat finds no lock"


@pytest.mark.parametrize(
    ("who", "created_at"),
    [
        ("anava@host-2", NOW),
        ("anava@host-1.example", NOW),
        ("host-1@laptop", NOW),
        ("", NOW),
        ("anava@host-1", NOW - timedelta(microseconds=1)),
        ("anava@host-1", NOW + MINUTE + timedelta(microseconds=1)),
        ("anava@host-1", NOW - timedelta(days=1)),
    ],
)
async def test_a_foreign_lock_stays(state: GcsStateBackend, who: str, created_at: object) -> None:
    lock = locked(state, Who=who, Created=str(created_at))
    assert not free_own_lock(state, [RUN])
    assert state.lock() == lock


async def test_a_machine_without_a_name_owns_no_lock(state: GcsStateBackend) -> None:
    lock = locked(state, Who="anava@")
    assert not free_own_lock(state, [TerraformRun("", RUN.started_at, RUN.ended_at)])
    assert state.lock() == lock


def test_a_kernel_lock_ends_with_its_holder(tmp_path: Path) -> None:
    assert not free_own_lock(LocalStateBackend(tmp_path / "terraform.tfstate"), [RUN])


def test_without_a_dead_terraform_the_store_gets_no_request() -> None:
    state = GcsStateBackend("states", "x", "http://127.0.0.1:1", None)
    assert not free_own_lock(state, [])
    with pytest.raises(Unavailable):
        free_own_lock(state, [RUN])


def test_a_terraform_that_ended_well_has_released_its_lock(tmp_path: Path) -> None:
    started = {"hostname": "host-1", "started_at": RUN.started_at}
    ended = {"exit_code": None, "ended_at": RUN.ended_at}
    folders = [
        _step(tmp_path / "killed", started, ended),
        _step(tmp_path / "well", started, ended | {"exit_code": 0}),
        _step(tmp_path / "failed", started, ended | {"exit_code": 1}),
        _step(tmp_path / "alive", started, None),
        _step(tmp_path / "never started", None, ended),
    ]
    assert dead_runs(folders) == [RUN, RUN]


def _step(
    folder: Path, started: Mapping[str, object] | None, ended: Mapping[str, object] | None
) -> Path:
    folder.mkdir()
    for name, content in (("started.json", started), ("exit.json", ended)):
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return folder
