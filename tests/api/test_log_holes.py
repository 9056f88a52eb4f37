"""A log that lacks lines names the place and the cause, in each form of the log."""

import asyncio
import dataclasses
import json
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from adapters.local import log_archive
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from api.app import build
from api.dependencies import Services
from api.streaming import broadcast
from cli.client import Client as ApiClient
from cli.follow import Display, Follower
from cli.render import log_line, verification_lines
from deployments.events import EndKind, EndRecord
from tests.api.scripted import deploy, events, finish, stored, write
from tests.api.serving import in_process
from tests.support.logs import EventFileSink

TEXT = "The log of step 1 has a hole after line 2, missing lines: 12: the disk was full."


@dataclasses.dataclass(frozen=True)
class Holed:
    """A deployment that ended, and the event file of its step 1."""

    id: str
    seal: EndRecord
    file: Path


@pytest.fixture
async def holed(api: httpx.AsyncClient, client: Client, worker: None, tmp_path: Path) -> Holed:
    id = await deploy(api)
    seal, whole = stored(1, 3)
    seal = dataclasses.replace(
        seal,
        end=EndKind.INCOMPLETE,
        missing_lines=12,
        missing_after=2,
        cause="the disk was full",
    )
    sink = EventFileSink(tmp_path)
    lines = whole.data[: whole.data.rindex(b"\n", 0, -1) + 1]
    await sink.write(id, dataclasses.replace(whole, last=3, data=lines))
    await sink.seal(id, seal)
    last, rest = stored(2, 1)
    await sink.write(id, rest)
    await finish(client, id, seal, last)
    return Holed(id, seal, tmp_path / id / "steps" / "1" / "events.jsonl")


async def test_a_text_has_a_line_about_the_hole(api: httpx.AsyncClient, holed: Holed) -> None:
    answer = await api.get(f"/api/deployment/{holed.id}/logs?format=text")
    artifact = b"".join(log_archive.as_text([holed.file])).decode()
    assert f"({TEXT})" in answer.text.splitlines()
    assert artifact.endswith(f"({TEXT})\n")


async def test_lines_of_json_have_the_end_record(api: httpx.AsyncClient, holed: Holed) -> None:
    answer = await api.get(f"/api/deployment/{holed.id}/logs?format=ndjson&limit=3")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == ["1-1", "1-2", "1-3"]
    answer = await api.get(f"/api/deployment/{holed.id}/logs?format=ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == ["1-1", "1-2", "1-3", "1-4", "2-1"]
    assert lines[3] == {"id": "1-4", **holed.seal.fields}


async def test_a_download_keeps_its_limit_after_a_hole(
    api: httpx.AsyncClient, holed: Holed, tmp_path: Path
) -> None:
    """After the end record of a step with a hole the download had all lines of the log."""
    await write(tmp_path, holed.id, 3, 2)
    answer = await api.get(f"/api/deployment/{holed.id}/logs?format=ndjson&limit=4")
    ids = [json.loads(line)["id"] for line in answer.text.splitlines()]
    assert ids == ["1-1", "1-2", "1-3", "1-4", "2-1"]


@pytest.mark.parametrize("query", ["", "?before=2-2", "?limit=4", "?after=1-3"])
async def test_a_page_names_the_hole(api: httpx.AsyncClient, holed: Holed, query: str) -> None:
    page = (await api.get(f"/api/deployment/{holed.id}/logs{query}")).json()
    assert page["holes"] == [{"id": "1-4", **holed.seal.fields}]


@pytest.mark.parametrize("query", ["?before=1-4", "?limit=3", "?after=1-4"])
async def test_a_page_without_the_end_of_the_step_names_no_hole(
    api: httpx.AsyncClient, holed: Holed, query: str
) -> None:
    page = (await api.get(f"/api/deployment/{holed.id}/logs{query}")).json()
    assert page["holes"] == []


async def test_a_stream_has_a_warning(api: httpx.AsyncClient, holed: Holed) -> None:
    answer = await api.get(f"/api/deployment/{holed.id}/logs/stream")
    lines = [
        line
        for name, _, content in events(answer.text)
        if name == "log" and isinstance(content["lines"], list)
        for line in content["lines"]
    ]
    assert ["1-4", "", "warn", f"({TEXT})"] in lines
    # The line began with a space, in place of its time.
    assert log_line(lines[3]) == f"WARN: ({TEXT})"


async def test_a_follower_says_that_the_last_lines_have_not_arrived(
    live: httpx.AsyncClient,
    client: Client,
    worker: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It reconnected for ever, or took what it had for all."""
    monkeypatch.setattr(broadcast, "_LAGGING_LOG_SECONDS", 0.1)
    id = await deploy(live)
    sink = EventFileSink(tmp_path)
    await sink.write(id, stored(1, 3)[1])
    await finish(client, id, stored(1, 3)[0], stored(2, 3)[0])
    async with ApiClient(str(live.base_url)) as http:
        follower = Follower(http, id, Display())
        async with asyncio.timeout(20):
            assert await follower.run() is None
        assert (follower.after, follower.lacks_lines) == ("1-4", True)
        await sink.write(id, stored(2, 3)[1])
        again = Follower(http, id, Display(), follower.after)
        assert (await again.run(), again.lacks_lines) == ("completed", False)


async def test_a_comparison_and_the_result_show_it(
    services: Services, holed: Holed, tmp_path: Path
) -> None:
    changes = FileChanges()
    copies = (LocalLogSource(tmp_path, changes),)
    app = build(dataclasses.replace(services, copies=copies))
    async with in_process(app) as api:
        report = (await api.get(f"/api/deployment/{holed.id}/logs/verify")).json()
        deployment = (await api.get(f"/api/deployment/{holed.id}")).json()
    changes.close()
    assert report["seals"][0] == dataclasses.asdict(holed.seal)
    assert deployment["result"]["seals"][0] == dataclasses.asdict(holed.seal)
    [local] = [copy for copy in report["copies"] if copy["name"] == "local"]
    assert local["verdict"] == "equal"
    lines = list(verification_lines(report))
    assert f"incomplete: {TEXT}" in lines[1]
    assert lines[-1] == "The log lacks lines that terraform wrote."
