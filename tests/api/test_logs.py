"""The log as pages and as a stream; a scripted workflow ends when it is told to."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from api.dependencies import Services
from tests.api.scripted import deploy, events, finish, log_ids, write


async def test_a_page_goes_on_where_the_last_one_ended(
    api: httpx.AsyncClient, client: Client, worker: None, tmp_path: Path
) -> None:
    found = await deploy(api)
    first = await write(tmp_path, found, 1, 30)
    second = await write(tmp_path, found, 2, 5)
    after, ids = "0-0", []
    while True:
        url = f"/api/deployment/{found}/logs?after={after}&limit=7"
        page = (await api.get(url)).json()
        assert len(page["items"]) <= 7
        ids += [event["id"] for event in page["items"]]
        after = page["next_cursor"]
        if not page["items"]:
            break
    assert ids == [f"1-{n}" for n in range(1, 31)] + [f"2-{n}" for n in range(1, 6)]
    assert (after, page["complete"]) == ("2-6", False)
    await finish(client, found, first, second)
    assert (await api.get(f"/api/deployment/{found}/logs?after={after}")).json()["complete"] is True


async def test_the_page_names_who_must_act_on_an_error(
    api: httpx.AsyncClient, client: Client, worker: None
) -> None:
    id = await deploy(api)
    await finish(client, id)
    page = await api.get(f"/deployment/{id}", headers={"Accept": "text/html"})
    assert "Who must act: Google." in page.text


async def test_a_stream_brings_all_lines_then_ends_and_is_then_over(
    api: httpx.AsyncClient, client: Client, worker: None, tmp_path: Path
) -> None:
    found = await deploy(api)
    stream = asyncio.create_task(api.get(f"/api/deployment/{found}/logs/stream"))
    seals = [await write(tmp_path, found, step, 1200) for step in (1, 2)]
    await finish(client, found, *seals)
    answer = await stream
    got = events(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert got[0][0] == "status"
    assert got[-1][:1] + got[-1][2:] == ("end", {"status": "completed"})
    assert log_ids(got) == [f"{step}-{n}" for step in (1, 2) for n in range(1, 1201)]
    last = next(cursor for name, cursor, _ in reversed(got) if name == "log")
    assert last == "2-1201"
    url = f"/api/deployment/{found}/logs/stream"
    rest = events((await api.get(url, headers={"Last-Event-ID": "2-1100"})).text)
    assert log_ids(rest) == [f"2-{n}" for n in range(1101, 1201)]
    assert (await api.get(url, headers={"Last-Event-ID": last})).status_code == 204
    assert (await api.get(f"{url}?after={last}")).status_code == 204


async def test_a_result_is_shown_without_its_secrets(
    api: httpx.AsyncClient, client: Client, worker: None
) -> None:
    found = await deploy(api)
    await finish(client, found)
    answer = await api.get(f"/api/deployment/{found}")
    body = answer.json()
    assert body["status"] == "completed"
    assert body["result"]["counts"]["add"] == 2
    assert body["result"]["errors"][0]["line"] == 7
    assert body["result"]["outputs"] == [
        {"name": "url", "sensitive": False, "value": "x"},
        {"name": "key", "sensitive": True, "value": None},
    ]
    assert "leak" not in answer.text


async def test_a_log_that_never_ends_does_not_hold_the_stream(
    api: httpx.AsyncClient, client: Client
) -> None:
    found = await deploy(api)
    await client.get_workflow_handle(found).terminate()
    got = events((await api.get(f"/api/deployment/{found}/logs/stream")).text)
    assert [name for name, _, _ in got] == ["status", "end"]


async def test_a_stopping_server_says_bye(api: httpx.AsyncClient, services: Services) -> None:
    found = await deploy(api)
    stream = asyncio.create_task(api.get(f"/api/deployment/{found}/logs/stream"))
    services.stopping.set()
    got = events((await stream).text)
    assert got[-1][0] == "bye"


async def test_progress_is_the_newest_step_that_names_resources(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    found = await deploy(api)
    url = f"/api/deployment/{found}/progress"
    assert (await api.get(url)).json()["resources"] == []
    resource = {"address": "a.b", "action": "create", "status": "running"}
    for number, resources in ((2, [resource]), (10, [])):
        folder = tmp_path / found / "steps" / str(number)
        folder.mkdir(parents=True)
        content = {
            "format": 1,
            "step": number,
            "phase": "apply",
            "until": f"{number}-3",
            "counts": {"running": 1},
            "resources": resources,
        }
        (folder / "progress.json").write_text(json.dumps(content))
    body = (await api.get(url)).json()
    assert (body["step"], body["until"]) == (2, "2-3")
    assert body["resources"][0]["address"] == "a.b"
    listed = (await api.get(f"/api/deployment/{found}/resources")).json()
    assert listed == {"items": body["resources"], "next_cursor": None}


@pytest.mark.parametrize("after", ["x", "1", "1-", "-1", "1-99999999999", "%00"])
async def test_a_cursor_that_is_none_is_refused(api: httpx.AsyncClient, after: str) -> None:
    url = f"/api/deployment/dep-{'a' * 26}/logs"
    assert (await api.get(f"{url}?after={after}")).status_code == 422
    assert (await api.get(f"{url}/stream?after={after}")).status_code == 422
