"""The runner's parser of operations, on recorded output and on hostile lines."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.open_operations import OpenOperations

CORPUS = Path(__file__).parents[1] / "adapters" / "terraform" / "corpus"


class Spool:
    """A file that grows."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    one = Spool(tmp_path / "spool")
    yield one
    os.close(one.fd)


def message(kind: str, address: object) -> bytes:
    content = {"hook": {"resource": {"addr": address}}, "type": kind}
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def seen(spool: Spool) -> tuple[int, int, list[str]]:
    operations = OpenOperations(spool.fd)
    operations.read()
    return operations.started, operations.completed, operations.open


@pytest.mark.parametrize(
    ("name", "started", "completed"),
    [
        ("init_local_backend", 0, 0),
        ("plan", 0, 0),
        ("plan_no_changes", 0, 0),
        ("apply_success", 6, 6),
        ("apply_failure", 4, 3),
        ("apply_interrupted", 2, 0),
        ("destroy", 6, 6),
        ("apply_lying_provisioner", 1, 1),
    ],
)
def test_recorded_output_is_counted(spool: Spool, name: str, started: int, completed: int) -> None:
    spool.write((CORPUS / f"{name}.jsonl").read_bytes())
    assert seen(spool) == (started, completed, [])


def test_an_apply_that_is_cut_short_has_open_operations(spool: Spool) -> None:
    lines = (CORPUS / "apply_success.jsonl").read_bytes().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if b'"type":"apply_complete"' in line)
    spool.write(b"".join(lines[:first]))
    assert seen(spool) == (
        2,
        0,
        [f'terraform_data.foundation["foundation-{n}"]' for n in _order(lines[:first])],
    )


def _order(lines: list[bytes]) -> list[str]:
    starts = [json.loads(line) for line in lines if b'"type":"apply_start"' in line]
    return [
        start["hook"]["resource"]["resource_key"].removeprefix("foundation-") for start in starts
    ]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_output_may_arrive_in_pieces_of_any_size(spool: Spool, size: int) -> None:
    data = (CORPUS / "apply_failure.jsonl").read_bytes()
    operations = OpenOperations(spool.fd)
    for at in range(0, len(data), size):
        spool.write(data[at : at + size])
        operations.read()
    assert (operations.started, operations.completed, operations.open) == (4, 3, [])


def test_a_line_counts_when_its_end_is_written(spool: Spool) -> None:
    operations = OpenOperations(spool.fd)
    line = message("apply_start", "a.b")
    spool.write(line[:-1])
    operations.read()
    assert operations.started == 0
    spool.write(b"\n")
    operations.read()
    assert operations.open == ["a.b"]


@pytest.mark.parametrize(
    "line",
    [
        b'some program says "type":"apply_start" here\n',
        b'{"type":"apply_start"}\n',
        b'{"type":"apply_start","hook":null}\n',
        b'{"type":"apply_start","hook":{"resource":{"addr":7}}}\n',
        b'["type","apply_start",{"type":"apply_start"}]\n',
        b'{"hook":{"resource":{"addr":"a.b"}},"other":{"type":"apply_start"},"type":"log"}\n',
        b'{"type":"apply_progress","hook":{"resource":{"addr":"a.b"}}}\n',
        b'{"type":"apply_start","hook":{"resource":{"addr":"a.b"}}\n',
        b'\xff\xfe"type":"apply_start"\x00\n',
        b'"type":"apply_' + b"[" * 5000 + b"\n",
    ],
)
def test_what_only_looks_like_an_operation_is_ignored(spool: Spool, line: bytes) -> None:
    spool.write(line + message("apply_start", "real.one"))
    assert seen(spool) == (1, 0, ["real.one"])


def test_lines_of_any_length_pass_without_being_kept(spool: Spool) -> None:
    spool.write(message("apply_start", "a.b"))
    spool.write(b"x" * 5_000_000 + b"\n")
    spool.write(message("apply_complete", "a.b"))
    assert seen(spool) == (1, 1, [])


def test_a_replacement_works_on_one_address_twice(spool: Spool) -> None:
    operations = OpenOperations(spool.fd)
    for kind in ("start", "start", "complete"):
        spool.write(message(f"apply_{kind}", "a.b"))
    operations.read()
    assert operations.open == ["a.b"]
    assert not operations.saving
    spool.write(message("apply_complete", "a.b"))
    operations.read()
    assert operations.open == []
    assert operations.saving


def test_an_end_without_a_beginning_is_no_harm(spool: Spool) -> None:
    spool.write(message("apply_errored", "a.b") + message("apply_start", "a.b"))
    assert seen(spool) == (1, 0, ["a.b"])
