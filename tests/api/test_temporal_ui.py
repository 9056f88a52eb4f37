"""The guard passes on what a page of the Web UI sends, unchanged, and only to the Web UI."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.settings import ApiSettings, Settings, TemporalUiSettings
from api import temporal_ui, temporal_ui_main
from api.server import Server
from deployments.errors import InvalidSettings
from tests.api.serving import serving
from tests.support.servers import free_port


async def _echo(request: Request) -> Response:
    """What arrives, with headers of which a proxy has to keep both."""
    response = JSONResponse(
        {
            "method": request.method,
            "target": request.scope["raw_path"].decode("latin-1"),
            "query": request.scope["query_string"].decode("latin-1"),
            "headers": dict(request.headers),
            "body": (await request.body()).decode(),
        },
        status_code=207,
    )
    response.raw_headers += [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")]
    return response


@asynccontextmanager
async def _served(app: Starlette) -> AsyncIterator[str]:
    async with serving(Server(app, "127.0.0.1", 0, asyncio.Event())) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    methods = ["GET", "POST", "PUT", "DELETE"]
    async with _served(Starlette(routes=[Route("/{path:path}", _echo, methods=methods)])) as url:
        yield url


@pytest.fixture
async def guard(upstream: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        _served(temporal_ui.build(upstream)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as session,
    ):
        yield session


async def test_a_request_and_its_answer_pass_unchanged(
    guard: httpx.AsyncClient, upstream: str
) -> None:
    headers = {"Content-Type": "text/plain", "X-CSRF-TOKEN": "t", "Cookie": "_csrf=t"}
    answer = await guard.post("/api/v1/a%2Fb//c?q=%20x&q=y", headers=headers, content='{"a": 1}')
    assert answer.status_code == 207
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert len(answer.headers.get_list("date")) == 1
    sent = answer.json()
    assert (sent["method"], sent["body"]) == ("POST", '{"a": 1}')
    assert (sent["target"], sent["query"]) == ("/api/v1/a%2Fb//c", "q=%20x&q=y")
    assert sent["headers"]["host"] == urlsplit(upstream).netloc
    assert sent["headers"]["x-csrf-token"] == "t"
    assert sent["headers"]["cookie"] == "_csrf=t"
    assert "accept-encoding" in sent["headers"], "the browser's own"


async def test_a_foreign_host_name_is_refused(guard: httpx.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::"):
        for method in ("GET", "POST"):
            answer = await guard.request(method, "/", headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed"), host


async def test_another_site_changes_nothing(guard: httpx.AsyncClient) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", ""):
        for method in ("POST", "PUT", "DELETE"):
            answer = await guard.request(method, "/api/v1/x", headers={"Origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


async def test_no_target_of_a_request_selects_another_server(
    guard: httpx.AsyncClient, upstream: str
) -> None:
    """The Web UI answers itself, or the request ends at the guard."""
    own = f'"host":"{urlsplit(upstream).netloc}"'
    for target in ("http://evil.example/x", "//evil.example/x", "/@evil.example", "/..//x", "/\\x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", guard.base_url.port)
        lines = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        writer.write(lines.encode())
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
        await writer.wait_closed()
        assert answer.split(" ", 2)[1] in {"400", "404", "422"} or own in answer, target


async def test_the_limits_of_the_api_hold(guard: httpx.AsyncClient) -> None:
    large = await guard.post("/", content=b"x" * (1024 * 1024 + 1))
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    wide = await guard.get("/", headers={"X-A": "x" * (17 * 1024)})
    assert (wide.status_code, wide.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_body_of_a_reading_request_is_not_read(
    guard: httpx.AsyncClient, method: str
) -> None:
    """The guard held the body of a GET in memory, however long, and passed it on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", guard.base_url.port)
    writer.write(f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode())
    writer.write(b"Content-Length: 1000000000\r\n\r\nthe beginning")
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().lower()
    assert head.startswith("http/1.1 207 ")
    if method == "GET":
        [length] = re.findall(r"content-length: (\d+)", head)
        sent = json.loads(await asyncio.wait_for(reader.readexactly(int(length)), 10))
        assert sent["body"] == ""
        assert not {"content-length", "transfer-encoding"} & set(sent["headers"])
    writer.close()


async def test_a_web_ui_that_is_away_is_a_problem() -> None:
    async with (
        _served(temporal_ui.build(f"http://127.0.0.1:{free_port()}")) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as session,
    ):
        answer = await session.get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "temporal_unavailable")


async def test_without_an_address_of_the_web_ui_the_guard_does_not_start() -> None:
    with pytest.raises(InvalidSettings, match="ANAVA_TEMPORAL_UI__UPSTREAM"):
        await temporal_ui_main.run(Settings())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])  # noqa: S104
async def test_the_guard_listens_on_loopback_like_the_api(host: str) -> None:
    ui = TemporalUiSettings(upstream="http://127.0.0.1:1")
    with pytest.raises(InvalidSettings, match="PUBLISHED_ON_LOOPBACK"):
        await temporal_ui_main.run(Settings(api=ApiSettings(host=host), temporal_ui=ui))
