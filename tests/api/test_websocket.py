"""A deployment over a WebSocket: the events of the stream, and requests with their answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin

from api.server import Server
from api.services.container import Services
from tests.api.scripted import deploy, finish, write
from tests.support.servers import eventually

UNKNOWN = "dep-" + "a" * 26


@asynccontextmanager
async def talk(
    server: Server, id: str, query: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}/api/deployment/{id}/ws{query}"
    async with connect(url, proxy=None, **options) as socket:
        yield socket


async def receive(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def ask(socket: ClientConnection, message: object) -> dict[str, Any]:
    """The next answer; events before it are passed over."""
    await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    while "answer" not in (found := await receive(socket)):
        assert found["event"] in {"status", "resource", "log", "ping"}
    return found


async def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """All until the server closes."""
    found = []
    try:
        while True:
            found.append(await receive(socket))
    except ConnectionClosed:
        return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [
        line[0] for item in found if item.get("event") == "log" for line in item["data"]["lines"]
    ]


async def test_events_are_those_of_the_stream_and_the_end_closes(
    live: httpx.AsyncClient, server: Server, client: Client, worker: None, tmp_path: Path
) -> None:
    id = await deploy(live)
    async with talk(server, id) as socket:
        first = await receive(socket)
        assert (first["event"], first["data"]["status"]) == ("status", "queued")
        assert "id" not in first
        seals = [await write(tmp_path, id, step, 600) for step in (1, 2)]
        await finish(client, id, *seals)
        found = await rest(socket)
        assert socket.close_code == 1000
    assert ids(found) == [f"{step}-{n}" for step in (1, 2) for n in range(1, 601)]
    assert found[-1] == {"event": "end", "data": {"status": "completed"}}
    assert [item["id"] for item in found if item["event"] == "log"][-1] == "2-601"
    async with talk(server, id, "?after=2-590") as socket:
        assert ids(await rest(socket)) == [f"2-{n}" for n in range(591, 601)]
    async with talk(server, id, "?after=2-601") as socket:
        assert [entry["event"] for entry in await rest(socket)] == ["status", "end"]


async def test_every_request_has_its_own_answer(
    live: httpx.AsyncClient, server: Server, worker: None
) -> None:
    id = await deploy(live)
    async with talk(server, id) as socket:
        assert await ask(socket, {"type": "ping", "request": "p-1"}) == {
            "answer": "p-1",
            "ok": True,
        }
        for name in "abc":
            await socket.send(json.dumps({"type": "ping", "request": name}))
        answers: list[str] = []
        while len(answers) < 3:
            found = await receive(socket)
            answers += [found["answer"]] if "answer" in found else []
        assert answers == ["a", "b", "c"]


async def test_a_cancel_is_asked_for_and_seen(
    live: httpx.AsyncClient, server: Server, client: Client, services: Services
) -> None:
    id = await deploy(live)
    reason = 'wrong project \x00 "\ud83d\ude00"'
    async with talk(server, id) as socket:
        await receive(socket)
        message = {"type": "cancel", "request": "c1", "reason": reason}
        await socket.send(json.dumps(message))
        found: list[dict[str, Any]] = []
        while len(found) < 2:
            one = await receive(socket)
            found += [one] if one.get("answer") or one["data"].get("cancel_requested") else []
    assert {"answer": "c1", "ok": True} in found
    events = client.get_workflow_handle(id).fetch_history_events()
    said = [
        event.workflow_execution_cancel_requested_event_attributes.cause async for event in events
    ]
    assert f"anava:{json.dumps({'by': 'local', 'reason': reason})}" in said


async def test_a_cancel_that_comes_too_late_is_refused_as_over_http(
    live: httpx.AsyncClient, server: Server, client: Client, services: Services
) -> None:
    id = await deploy(live)
    async with talk(server, id) as socket:
        await receive(socket)
        await client.get_workflow_handle(id).terminate()
        answer = await ask(socket, {"type": "cancel", "request": "c1"})
        over_http = (await live.post(f"/api/deployment/{id}/cancel")).json()
    assert (answer.pop("answer"), answer.pop("ok")) == ("c1", False)
    assert (answer["code"], answer["status"]) == ("already_finished", 409)
    assert answer | {"request_id": ""} == over_http | {"request_id": ""}


async def test_behind_the_answer_to_resume_from_come_only_lines_behind_the_id(
    live: httpx.AsyncClient, server: Server, client: Client, worker: None, tmp_path: Path
) -> None:
    id = await deploy(live)
    seals = [await write(tmp_path, id, 1, 3000)]
    async with talk(server, id) as socket:
        assert (await receive(socket))["event"] == "status"
        assert (await receive(socket))["event"] == "log"
        answer = await ask(socket, {"type": "resume_from", "request": "r", "id": "1-2900"})
        assert answer == {"answer": "r", "ok": True}
        seals.append(await write(tmp_path, id, 2, 5))
        await finish(client, id, *seals)
        found = await rest(socket)
    assert found[0]["event"] == "status"
    assert ids(found) == [*(f"1-{n}" for n in range(2901, 3001)), *(f"2-{n}" for n in range(1, 6))]


@pytest.mark.parametrize("id", ["", "x", "1", "1-", "-1", "1-99999999999", "3-42\0", "٣-٤٢"])
async def test_a_strange_id_is_no_place_to_resume_from(
    live: httpx.AsyncClient, server: Server, id: str
) -> None:
    async with talk(server, await deploy(live)) as socket:
        answer = await ask(socket, {"type": "resume_from", "request": "r", "id": id})
        assert (answer["answer"], answer["ok"], answer["status"]) == ("r", False, 422)
        assert [error["pointer"] for error in answer["errors"]] == ["/id"]
        assert (await ask(socket, {"type": "ping", "request": "p"}))["ok"] is True


@pytest.mark.parametrize("type", ["approve", "discard"])
async def test_what_comes_later_is_not_available(
    live: httpx.AsyncClient, server: Server, type: str
) -> None:
    async with talk(server, await deploy(live)) as socket:
        answer = await ask(socket, {"type": type, "request": "a", "plan_sha256": "0" * 64})
        assert (answer["answer"], answer["ok"], answer["code"]) == ("a", False, "not_available")


@pytest.mark.parametrize(
    ("message", "name", "code"),
    [
        ("", None, "invalid_json"),
        ("{", None, "invalid_json"),
        ("\0", None, "invalid_json"),
        ('{"type":"ping","request":"a\0"}', None, "invalid_json"),
        ("[" * 15_000, None, "invalid_json"),
        ('{"a":' * 2000 + "1" + "}" * 2000, None, "invalid_json"),
        ('{"type":"ping","request":"a","request":"b"}', None, "invalid_json"),
        ("9" * 16_000, None, "invalid_json"),
        ("null", None, "invalid_request"),
        ("[]", None, "invalid_request"),
        ('"ping"', None, "invalid_request"),
        ("NaN", None, "invalid_request"),
        ({}, None, "invalid_request"),
        ({"request": "a"}, "a", "invalid_request"),
        ({"type": "ping"}, None, "invalid_request"),
        ({"type": "ping", "request": 1}, None, "invalid_request"),
        ({"type": "ping", "request": None}, None, "invalid_request"),
        ({"type": "ping", "request": ""}, None, "invalid_request"),
        ({"type": "ping", "request": "a\n"}, None, "invalid_request"),
        ({"type": "ping", "request": "\0"}, None, "invalid_request"),
        ({"type": "ping", "request": "x" * 65}, None, "invalid_request"),
        ({"type": "ping", "request": "\ud800"}, None, "invalid_request"),
        ({"type": "ping", "request": "a", "more": 1}, "a", "invalid_request"),
        ({"type": "x" * 10_000, "request": "a"}, "a", "invalid_request"),
        ({"type": 1, "request": "a"}, "a", "invalid_request"),
        ({"type": "PING", "request": "a"}, "a", "invalid_request"),
        ({"type": "force_cancel", "request": "a"}, "a", "invalid_request"),
        ({"type": "cancel", "request": "a", "force": True}, "a", "invalid_request"),
        ({"type": "cancel", "request": "a", "reason": "x" * 501}, "a", "invalid_request"),
        ({"type": "cancel", "request": "a", "reason": ["x"]}, "a", "invalid_request"),
        ({"type": "cancel", "request": "a", "reason": None}, "a", "invalid_request"),
        ({"type": "resume_from", "request": "a"}, "a", "invalid_request"),
        ({"type": "resume_from", "request": "a", "id": 342}, "a", "invalid_request"),
    ],
)
async def test_a_message_that_is_none_is_answered_with_what_is_wrong(
    live: httpx.AsyncClient, server: Server, message: object, name: str | None, code: str
) -> None:
    async with talk(server, await deploy(live)) as socket:
        answer = await ask(socket, message)
        assert (answer["answer"], answer["ok"], answer["code"]) == (name, False, code)
        assert {"type", "title", "status", "detail", "request_id", "errors"} <= set(answer)
        assert len(json.dumps(answer)) < 4000
        assert (await ask(socket, {"type": "ping", "request": "p"}))["ok"] is True


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b'{"type":"ping","request":"a"}', 1003),
        (b"", 1003),
        ("x" * 16_385, 1009),
        ("[" * 100_000, 1009),
        (json.dumps({"type": "cancel", "request": "a", "reason": "x" * 20_000_000}), 1009),
        (["x" * 8000] * 3, 1009),
    ],
)
async def test_what_is_no_message_closes(
    live: httpx.AsyncClient, server: Server, message: Any, code: int
) -> None:
    id = await deploy(live)
    async with talk(server, id) as socket:
        with pytest.raises(ConnectionClosed):
            await ask(socket, message)
        assert socket.close_code == code
    assert (await live.get(f"/api/deployment/{id}")).json()["cancel_requested"] is False


async def test_a_text_that_is_no_utf8_closes_without_a_traceback(
    live: httpx.AsyncClient, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with talk(server, await deploy(live)) as socket:
        await socket.send(b'{"type":"\xff\xfe"}', text=True)
        await rest(socket)
        assert socket.close_code == 1007
    assert [record for record in caplog.records if record.exc_info] == []


async def test_who_is_refused_over_http_is_refused_before_the_upgrade(
    live: httpx.AsyncClient, server: Server, client: Client
) -> None:
    id = await deploy(live)
    strangers = [UNKNOWN, "x", "turn-sandbox.customer-1.anava", "dep-%00", "x" * 5000]
    for one, query, status in [
        *((stranger, "", 404) for stranger in strangers),
        *((id, f"?after={after}", 422) for after in ("x", "", "1-99999999999", "%00")),
    ]:
        with pytest.raises(InvalidStatus) as refused:
            async with talk(server, one, query):
                pass
        answer = refused.value.response
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        over_http = (await live.get(f"/api/deployment/{one}/logs{query}")).json()
        assert json.loads(answer.body or b"") | {"request_id": ""} == over_http | {"request_id": ""}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1", ""]
)
async def test_a_page_of_another_site_may_not_open_one(
    live: httpx.AsyncClient, server: Server, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(server, await deploy(live), origin=Origin(origin)):
            pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["code"] == "origin_not_allowed"


async def test_a_page_of_ours_and_a_program_may(live: httpx.AsyncClient, server: Server) -> None:
    id = await deploy(live)
    for origin in (Origin(f"http://127.0.0.1:{server.port}"), None):
        async with talk(server, id, origin=origin) as socket:
            assert (await receive(socket))["event"] == "status"


async def test_a_foreign_host_is_refused(live: httpx.AsyncClient, server: Server) -> None:
    headers = {
        "Host": "evil.example",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    answer = await live.get(f"/api/deployment/{await deploy(live)}/ws", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Long": "x" * 9_000},
        {f"X-{number}": "x" * 5_000 for number in range(4)},
        {f"X-{number}": "x" for number in range(100)},
        {f"X-{number}": "x" for number in range(1000)},
        {"Sec-WebSocket-Version": "7"},
        {"Sec-WebSocket-Key": "x"},
    ],
)
async def test_headers_that_nobody_needs_are_refused_and_the_connection_ends(
    live: httpx.AsyncClient, server: Server, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidHandshake):
        async with talk(server, await deploy(live), additional_headers=headers, open_timeout=20):
            pass
    await eventually(lambda: len(server.server_state.connections) <= 1, "the end of it")


async def test_a_stopping_server_says_bye_and_come_back(
    live: httpx.AsyncClient, server: Server
) -> None:
    async with talk(server, await deploy(live)) as socket:
        await receive(socket)
        server.should_exit = True
        found = await rest(socket)
        assert found[-1] == {"event": "bye", "data": {"reason": "server_stopping"}}
        assert socket.close_code == 1012


async def test_a_thousand_pings_at_once_are_answered_in_order(
    live: httpx.AsyncClient, server: Server
) -> None:
    async with talk(server, await deploy(live)) as socket:
        for number in range(1000):
            await socket.send(json.dumps({"type": "ping", "request": str(number)}))
        answers: list[str] = []
        while len(answers) < 1000:
            found = await receive(socket)
            answers += [found["answer"]] if "answer" in found else []
    assert answers == [str(number) for number in range(1000)]
