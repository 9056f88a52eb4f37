import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.temporal.queries import list_query
from deployments.deployment import DEFAULT_TENANT
from deployments.execution import Caller, DeploymentFilter
from tests.support.servers import eventually

PROJECT = "customer-1"


@pytest.mark.parametrize(
    "deployment",
    [
        "..%2f..%2fetc",
        "dep-%00",
        "x" * 10_000,
        "turn-sandbox.customer-1.anava",
        "dep-" + "A" * 26,
        "dep-" + "a" * 26 + "%0a",
    ],
)
async def test_a_strange_id_is_not_found(api: httpx.AsyncClient, deployment: str) -> None:
    for path in ("", "/logs", "/progress"):
        answer = await api.get(f"/api/deployment/{deployment}{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "fields",
    [
        {"project_id": 1},
        {"project_id": None},
        {"project_id": "a\0bcdef"},
        {"project_id": "../../../etc"},
        {"project_id": "x" * 10_000},
        {"project_id": "customer-1\n"},
        {"projectId": "customer-2"},
        {"unknown": 1},
        {"variables": {"lines": 2**63}},
        {"variables": {"lines": 10**400}},
        {"variables": {"lines": True}},
        {"variables": {"lines": [1]}},
        {"variables": {"lines": ["1"]}},
        {"variables": {"lines": [["1"]]}},
        {"variables": {"lines": {"a": 1}}},
        {"template": "anava", "variables": {"allowed_origins": [1]}},
        {"template": "anava", "variables": {"allowed_origins": [["https://a.com"]]}},
        {"template": "anava", "variables": {"allowed_origins": ["http://a.com"]}},
        {"template": "anava", "variables": {"allowed_origins": ["https://a.com\0"]}},
        {"template": "anava", "variables": {"allowed_origins": ["https://a.com"] * 10_000}},
        {"template": "anava", "variables": {"allowed_origins": ["x" * 1_000_000]}},
        {"template": "anava", "variables": {"destroy_customer_data": "yes"}},
        {"template": "anava", "variables": {"lines": 1}},
        {"variables": {"fail": "\ud800"}},
        {"variables": {"fail": "\0"}},
        {"variables": {"../x": "y"}},
        {"variables": {"\ud800": "y"}},
        {"variables": {"x" * 10_000: "y"}},
        {"variables": {f"v{number}": 1 for number in range(1000)}},
        {"variables": []},
        {"timeouts": {"apply_seconds": 10**400}},
        {"timeouts": {"apply_seconds": 0}},
        {"timeouts": {"apply_seconds": 1.5}},
        {"region": "us-central1; rm"},
        {"storage_location": ""},
        {"template": "../sandbox"},
        {"operation": "format"},
    ],
)
async def test_a_wrong_field_is_refused_by_name(
    api: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    content = json.dumps({"template": "sandbox", "project_id": PROJECT, **fields}).encode()
    answer = await api.post(
        "/api/deploy", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["code"] == "invalid_request"
    assert body["errors"]
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"template": "sandbox", "project_id": "customer-1", "variables": {"lines": NaN}}',
        b'{"template": "sandbox", "project_id": "customer-1", "variables": {"lines": 1e400}}',
        b'{"template": "sandbox", "project_id": "customer-1", "variables": {"lines": '
        + b"9" * 5000
        + b"}}",
        b"[" * 100_000,
        b'{"variables":' * 50_000,
        b"\xff\xfe",
    ],
)
async def test_a_body_that_is_no_request_is_refused(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post(
        "/api/deploy", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("size", [2_000_000, 50_000_000])
async def test_a_large_body_is_refused(api: httpx.AsyncClient, size: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/deploy", content=b" " * size, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_large_body_of_unknown_length_is_refused(api: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(800):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/deploy", content=parts(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "headers",
    [{"X-Long": "x" * 20_000}, {f"X-{number}": "x" for number in range(100)}],
)
async def test_too_many_headers_are_refused(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await api.get("/health/live", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"project_id": "customer-1", "project_id": "customer-2"}', "invalid_json"),
        (b'{"variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json"),
        (b'{"variables": {"a": ' * 20 + b"1" + b"}}" * 20, "invalid_json"),
    ],
)
async def test_a_body_that_readers_read_differently_is_refused(
    api: httpx.AsyncClient, content: bytes, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/deploy", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_what_was_refused_started_nothing(api: httpx.AsyncClient) -> None:
    project = "refused-" + uuid.uuid4().hex[:8]
    bad: list[dict[str, object]] = [
        {"prefix": "Capital"},
        {"prefix": "${path.module}"},
        {"variables": {"fail": '"; drop'}},
        {"variables": {"fail": '${file("/etc/passwd")}'}},
        {"variables": {"fail": "services-1\n"}},
        {"variables": {"undeclared": "x"}},
        {"variables": {"lines": 2**63}},
        {"region": "${x}"},
    ]
    for fields in bad:
        answer = await api.post(
            "/api/deploy", json={"template": "sandbox", "project_id": project, **fields}
        )
        assert answer.status_code == 422, fields
    accepted = await api.post("/api/deploy", json={"template": "sandbox", "project_id": project})

    async def ids() -> list[str]:
        found = await api.get(f"/api/deployments?project={project}")
        return [item["id"] for item in found.json()["items"]]

    assert await eventually(ids, "the one that was accepted") == [accepted.json()["id"]]


async def test_only_json_is_read(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/api/deploy", content=b"project_id=x", headers={"Content-Type": "text/plain"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_other_methods_and_paths_are_problems(api: httpx.AsyncClient) -> None:
    wrong = await api.put("/api/deploy")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    nowhere = await api.get("/nowhere", headers={"X-Request-Id": "mine-1"})
    assert (nowhere.status_code, nowhere.json()["request_id"]) == (404, "mine-1")
    assert nowhere.headers["X-Request-Id"] == "mine-1"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::"])
async def test_a_foreign_host_name_is_refused(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get("/health/live", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")


async def test_another_site_may_not_cancel(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        f"/api/deployment/dep-{'a' * 26}/cancel", headers={"Origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    "query",
    [
        "project=a' OR 1=1",
        "stack=x\0",
        "status=gone",
        "limit=0",
        "limit=99999999999999999999",
        "cursor=%%%",
        "cursor=" + "A" * 5000,
        "cursor=YWJj",
        "unknown=1",
    ],
)
async def test_a_hostile_list_query_is_refused(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get("/api/deployments?" + query.replace("\0", "%00"))
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("token", [b"x", b"{}", b"\xff" * 40, b'{"CloseTime":1,"RunID":"x"}'])
async def test_a_forged_cursor_is_refused(api: httpx.AsyncClient, token: bytes) -> None:
    # A client that sends the query can compute a checksum without a key.
    query = list_query(Caller(DEFAULT_TENANT, "local"), DeploymentFilter())
    for checksum in (
        hashlib.sha256(query.encode() + b"\0" + token).digest()[:9],
        hashlib.sha256(query.encode() + b"\0" + token).digest(),
        hmac.digest(b"", query.encode() + b"\0" + token, hashlib.sha256),
    ):
        cursor = base64.urlsafe_b64encode(checksum + token).decode()
        answer = await api.get("/api/deployments", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/deployments"),
        ("GET", "/api/deployment/dep-x"),
        ("GET", "/health/live"),
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
        ("POST", "/api/deploy"),
        ("PUT", "/api/deploy"),
        ("OPTIONS", "/api/deploy"),
        ("GET", "/"),
    ],
)
async def test_every_answer_is_for_this_origin_and_no_cache(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    for headers in ({}, {"Host": "evil.example"}, {"X-Long": "x" * 20_000}):
        answer = await api.request(method, path, headers=headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
