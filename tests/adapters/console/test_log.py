"""Entries on the console are such as Cloud Logging reads: its field names, its types, its size."""

import io
import json
import re
from typing import Any

import pytest

from adapters.console.log import ConsoleLogSink
from deployments.events import EndKind, EndRecord, EventChunk

# https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
SPECIAL = {
    "severity": str,
    "message": str,
    "time": str,
    "logging.googleapis.com/insertId": str,
    "logging.googleapis.com/labels": dict,
    "logging.googleapis.com/operation": dict,
    "logging.googleapis.com/trace": str,
}
# https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
SEVERITIES = {"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"}
TIME = "2026-11-24T10:00:02.000Z"


def event(level: str = "info", text: str = "made", **more: object) -> bytes:
    content = {"id": "3-1", "time": TIME, "level": level, "phase": "apply", "text": text, **more}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


async def shown(*lines: bytes, first: int = 1, project: str | None = "a-test") -> list[Any]:
    stream = io.BytesIO()
    sink = ConsoleLogSink(stream, project)
    chunk = EventChunk(3, first, first + len(lines) - 1, b"".join(lines))
    assert await sink.write("dep-1", chunk) == chunk.last
    written = stream.getvalue()
    assert written.endswith(b"\n")
    found = written[:-1].split(b"\n")
    assert len(found) == len(lines), "one entry is one line"
    assert all(len(entry) <= 256_000 for entry in found)
    return [json.loads(item) for item in found]


async def test_every_field_has_the_documented_name_and_type() -> None:
    resource = {"address": "terraform_data.x", "action": "create"}
    (entry,) = await shown(event("warn", resource=resource), first=42)
    for name, kind in SPECIAL.items():
        assert isinstance(entry[name], kind), name
    assert {name for name in entry if "/" in name} <= set(SPECIAL)
    assert entry["severity"] == "WARNING"
    assert (entry["message"], entry["time"]) == ("made", TIME)
    labels = entry["logging.googleapis.com/labels"]
    assert labels == {"deployment": "dep-1", "event": "3-42"}
    assert all(isinstance(label, str) for label in labels.values())
    assert entry["logging.googleapis.com/operation"] == {
        "id": "dep-1/3",
        "producer": "anava-deploy",
        "first": False,
        "last": False,
    }
    trace = entry["logging.googleapis.com/trace"]
    assert re.fullmatch(r"projects/a-test/traces/[0-9a-f]{32}", trace)
    assert (entry["phase"], entry["resource"]) == ("apply", resource)


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error", "", "fatal", "\ud800"])
async def test_every_severity_is_one_of_cloud_loggings(level: str) -> None:
    (entry,) = await shown(event(level))
    assert entry["severity"] in SEVERITIES


async def test_a_step_is_an_operation_from_its_first_line_to_its_end_record() -> None:
    seal = EndRecord(3, EndKind.COMPLETE, 2, "0" * 64)
    entries = await shown(event(), event("error"), seal.encode())
    ends = [entry["logging.googleapis.com/operation"] for entry in entries]
    assert [(end["first"], end["last"]) for end in ends] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    assert entries[2]["message"] == "end of step 3: complete"
    assert (entries[2]["lines"], entries[2]["sha256"]) == (2, "0" * 64)


async def test_the_end_of_a_log_with_a_hole_is_a_warning_that_says_where() -> None:
    record = EndRecord(3, EndKind.INCOMPLETE, 2, "0" * 64, 12, 1, "the disk was full")
    (entry,) = await shown(record.encode(), first=3)
    assert entry["severity"] == "WARNING"
    assert entry["message"] == (
        "end of step 3: incomplete "
        "(The log of step 3 has a hole after line 1, missing lines: 12: the disk was full.)"
    )
    assert (entry["missing_lines"], entry["missing_after"]) == (12, 1)
    assert entry["cause"] == "the disk was full"


async def test_a_line_that_comes_again_has_the_same_insert_id_and_they_sort_as_the_log() -> None:
    lines = [event() for _ in range(120)]
    ids = [item["logging.googleapis.com/insertId"] for item in await shown(*lines)]
    again = [
        entry["logging.googleapis.com/insertId"] for entry in await shown(*lines[98:], first=99)
    ]
    assert ids[98:] == again
    assert ids == sorted(set(ids))


async def test_without_a_project_there_is_no_trace() -> None:
    (entry,) = await shown(event(), project=None)
    assert "logging.googleapis.com/trace" not in entry


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{\n",
        b"[]\n",
        b'"text"\n',
        b"null\n",
        b"\xff\xfe\0\n",
        b'{"level": 1, "text": 7, "end": null}\n',
        b'{"text": "a\\nb\\u0000\\u2028", "severity": "X", "logging.googleapis.com/x": 1}\n',
        event(text="\r\x1b[31mred"),
        event(text="x" * 256 * 1024),
        event(text="\x01" * 256 * 1024),
        event(text="é" * 128 * 1024, diagnostic={"detail": "y" * 256 * 1024}),
    ],
)
async def test_whatever_a_line_holds_it_is_one_entry_and_small_enough(line: bytes) -> None:
    (entry,) = await shown(line)
    assert entry["severity"] in SEVERITIES
    assert "logging.googleapis.com/x" not in entry
    assert entry["logging.googleapis.com/insertId"] == "dep-1.0000000003-0000000001"
