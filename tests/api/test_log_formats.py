"""The log as pages in both directions, as text and as newline-delimited JSON."""

import json
from pathlib import Path

import httpx
import pytest

from deployments.events import EventChunk
from tests.api.scripted import deploy, write
from tests.support.logs import EventFileSink


async def page(api: httpx.AsyncClient, found: str, query: str) -> dict[str, object]:
    answer = await api.get(f"/api/deployment/{found}/logs?{query}")
    assert answer.status_code == 200
    content: dict[str, object] = answer.json()
    return content


def ids(content: dict[str, object]) -> list[str]:
    events = content["items"]
    assert isinstance(events, list)
    return [event["id"] for event in events]


async def test_pages_go_backwards_over_steps_to_the_start(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    found = await deploy(api)
    await write(tmp_path, found, 1, 30)
    await write(tmp_path, found, 2, 5)
    pages, before = [], "2-6"
    while before:
        content = await page(api, found, f"before={before}&limit=8")
        pages.append(ids(content))
        before = str(content["previous_cursor"])
    assert [len(item) for item in pages] == [8, 8, 8, 8, 3]
    assert [entry for content in reversed(pages) for entry in content] == [
        *(f"1-{n}" for n in range(1, 31)),
        *(f"2-{n}" for n in range(1, 6)),
    ]


async def test_a_page_far_behind_the_end_is_the_last(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    found = await deploy(api)
    await write(tmp_path, found, 1, 3)
    assert ids(await page(api, found, "before=9999999999-9999999999&limit=2")) == ["1-2", "1-3"]
    assert ids(await page(api, found, "before=2-0&limit=2")) == ["1-2", "1-3"]
    assert ids(await page(api, found, "before=1-1")) == []


async def test_all_of_a_log_comes_as_lines_of_json(api: httpx.AsyncClient, tmp_path: Path) -> None:
    found = await deploy(api)
    await write(tmp_path, found, 1, 1200)
    answer = await api.get(f"/api/deployment/{found}/logs?format=ndjson&after=1-2")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == f'attachment; filename="{found}.jsonl"'
    lines = [json.loads(line)["id"] for line in answer.text.splitlines()]
    assert lines == [f"1-{n}" for n in range(3, 1201)]


async def test_text_shows_what_could_drive_a_terminal(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    found = await deploy(api)
    event = {
        "id": "1-1",
        "time": "T",
        "level": "info",
        "phase": "init",
        "text": "\x1b[2J<script>\0",
    }
    line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
    await EventFileSink(tmp_path).write(found, EventChunk(1, 1, 1, line))
    answer = await api.get(f"/api/deployment/{found}/logs?format=text")
    assert answer.text == "T info  init  \\x1b[2J<script>\\x00\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "format=html",
        "format=text&before=1-2",
        "after=1-1&before=1-2",
        "before=x",
        "limit=0",
        "limit=10001",
        "limit=9223372036854775808",
        "unknown=1",
        "before=1-1%00",
    ],
)
async def test_a_wrong_question_is_refused(
    api: httpx.AsyncClient, tmp_path: Path, query: str
) -> None:
    found = await deploy(api)
    answer = await api.get(f"/api/deployment/{found}/logs?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
