"""Whatever is sent, the stand-in answers as Google would: never with a failure of its own."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from google_stand_in.apis import ROUTES
from google_stand_in.app import StandIn
from tests.google_stand_in.caller import APIS, Google
from tests.support.stand_in.serving import ServedStandIn

NAMES = st.one_of(
    st.sampled_from(
        ["demo-proj", "123456789012", "-", "..", "a/b", "x:y", "(default)", "é", "\x00"]
    ),
    st.text(max_size=20),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
# Names of fields that handlers look at, so that wrong types reach them.
FIELDS = (
    "accountId",
    "apiConfig",
    "buildConfig",
    "calls",
    "iamConfiguration",
    "lifetime",
    "name",
    "openapiDocuments",
    "payload",
    "permissions",
    "policy",
    "release",
    "role",
    "scope",
    "serviceAccount",
    "serviceConfig",
    "serviceIds",
    "signIn",
    "source",
    "updateMask",
)
BODIES = st.one_of(JSON, st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "apiId",
            "databaseId",
            "functionId",
            "ifGenerationMatch",
            "keyId",
            "name",
            "names",
            "pageSize",
            "pageToken",
            "project",
            "secretId",
            "updateMask",
            "uploadType",
        ]
    ),
    st.text(max_size=20) | st.sampled_from(["demo-proj", "multipart", "media", "-1", "9" * 5000]),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, httpx.URL, Any]:
    """A call to some route, with any names, any query, any body."""
    route = draw(st.sampled_from(ROUTES))
    path = route.template.replace("=**", "")
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + draw(NAMES).replace("{", "") + rest.partition("}")[2]
    api = "iam" if route.api == "*" else route.api
    address = f"http://127.0.0.1/{api}/v1/{quote(path, safe='/:()')}"
    url = httpx.URL(address, params=draw(QUERY))
    return route.method, url, draw(BODIES)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(requests())
async def test_no_call_makes_it_fail(request_: tuple[str, httpx.URL, Any]) -> None:
    method, url, body = request_
    transport = httpx.ASGITransport(app=StandIn(), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        google = Google(client)
        google.token = str((await google.control("POST", "mint"))["access_token"])
        await google.project(enabled=[f"{api}.googleapis.com" for api in APIS])
        headers = {"Authorization": f"Bearer {google.token}"}
        answer = await client.request(method, url, json=body, headers=headers)
        state = await google.control("GET", "state")

    assert answer.status_code < 500
    assert list(state["projects"]) == ["demo-proj"]


EXISTING = {
    "account": "anava-tvm-sa@demo-proj.iam.gserviceaccount.com",
    "api": "api",
    "bucket": "buck",
    "config": "conf",
    "database": "anava",
    "function": "func",
    "gateway": "gate",
    "key": "key",
    "linked": "buck",
    "location": "us-central1",
    "pool": "pool",
    "project": "demo-proj",
    "provider": "firebase",
    "repository": "repo",
    "resource": "projects/demo-proj/secrets/key",
    "role": "role",
    "secret": "key",
    "service": "func",
    "version": "1",
}
_LOCATED = "projects/demo-proj/locations/us-central1"
_GLOBAL = "projects/demo-proj/locations/global"
EVERYTHING: tuple[tuple[str, object], ...] = (
    ("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": "anava-tvm-sa"}),
    ("/iam/v1/projects/demo-proj/roles", {"roleId": "role"}),
    (f"/iam/v1/{_GLOBAL}/workloadIdentityPools?workloadIdentityPoolId=pool", {}),
    (
        f"/iam/v1/{_GLOBAL}/workloadIdentityPools/pool/providers"
        "?workloadIdentityPoolProviderId=firebase",
        {},
    ),
    ("/storage/v1/b?project=demo-proj", {"name": "buck"}),
    ("/firebasestorage/v1beta/projects/demo-proj/buckets/buck:addFirebase", {}),
    ("/firestore/v1/projects/demo-proj/databases?databaseId=anava", {}),
    ("/secretmanager/v1/projects/demo-proj/secrets?secretId=key", {}),
    (
        "/secretmanager/v1/projects/demo-proj/secrets/key:addVersion",
        {"payload": {"data": "eA=="}},
    ),
    (f"/apikeys/v2/{_GLOBAL}/keys?keyId=key", {}),
    (f"/apigateway/v1/{_GLOBAL}/apis?apiId=api", {}),
    (
        f"/apigateway/v1/{_GLOBAL}/apis/api/configs?apiConfigId=conf",
        {"openapiDocuments": [{"document": {"contents": "e30="}}]},
    ),
    (
        f"/apigateway/v1/{_LOCATED}/gateways?gatewayId=gate",
        {"apiConfig": f"{_GLOBAL}/apis/api/configs/conf"},
    ),
    (f"/cloudfunctions/v2/{_LOCATED}/functions?functionId=func", {}),
    (f"/artifactregistry/v1/{_LOCATED}/repositories?repositoryId=repo", {}),
    ("/firebase/v1beta1/projects/demo-proj:addFirebase", {}),
    ("/identitytoolkit/v2/projects/demo-proj/identityPlatform:initializeAuth", {}),
)
# What creating calls ask for, so that they come as far as their body.
IDS = "&".join(
    f"{name}=some-id"
    for name in (
        "apiConfigId",
        "apiId",
        "databaseId",
        "functionId",
        "gatewayId",
        "keyId",
        "name",
        "repositoryId",
        "secretId",
        "workloadIdentityPoolId",
        "workloadIdentityPoolProviderId",
    )
)


@pytest.mark.parametrize("value", ["text", 1, None, [1], [[]], {"a": 1}])
async def test_no_field_of_a_wrong_type_makes_a_route_fail(google: Google, value: object) -> None:
    calls = [{"path": path, "body": body} for path, body in EVERYTHING]
    for route in ROUTES:
        await google.control("POST", "reset")
        google.token = str((await google.control("POST", "mint"))["access_token"])
        await google.project(enabled=[f"{api}.googleapis.com" for api in APIS])
        await google.control("POST", "preload", {"calls": calls})
        filled = re.sub(
            r"\{(\w+)(?:=\*\*)?\}",
            lambda found: EXISTING.get(found[1], "none"),
            route.template,
        )
        api = "iam" if route.api == "*" else route.api
        path = f"/{api}/v1/{filled}?{IDS}&project=demo-proj&uploadType=media"

        answer = await google.ask(f"{route.method} {path}", dict.fromkeys(FIELDS, value))

        assert answer.status_code < 500, (route.method, path)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000],
)
async def test_a_body_that_is_no_object_is_refused(google: Google, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {google.token}"}
    path = "/iam/v1/projects/demo-proj/serviceAccounts"
    answer = await google.client.post(path, content=content, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "upload",
    [
        ("multipart/related; boundary=x", b""),
        ("multipart/related; boundary=x", b"--x\r\n\r\n{}\r\n--x--"),
        ("multipart/related", b"--x"),
        ("text/plain", b"--x"),
    ],
)
async def test_an_upload_without_its_parts_is_refused(
    google: Google, upload: tuple[str, bytes]
) -> None:
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    headers = {"Authorization": f"Bearer {google.token}", "Content-Type": upload[0]}
    path = "/upload/storage/v1/b/buck/o?uploadType=multipart"
    answer = await google.client.post(path, content=upload[1], headers=headers)

    assert answer.status_code == 400


@pytest.fixture
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path_factory.mktemp("google"))
    await stand_in.start()
    yield stand_in
    stand_in.end()


async def test_no_path_reaches_anything_but_a_route(served: ServedStandIn) -> None:
    """Sent byte for byte: clients would put these right."""
    token = served.token()

    async def status(path: bytes) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = (
            b"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
        )
        writer.write(head % (path, token.encode()))
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])

    for path in (
        b"/iam/v1/../../_control/state",
        b"//_control/state",
        b"/_control/../_control/state",
        b"/%5fcontrol/state",
        b"/iam/v1/projects/demo-proj%2FserviceAccounts",
        b"/iam/v1/projects/../projects",
        b"/storage/v1/b/..%2f..%2fetc%2fpasswd",
        b"/firebaserules/v1/projects/demo-proj/releases/../../../../etc/passwd",
        b"/%ff%fe/v1/x",
        b"/iam/v1/%00",
        b"/" + b"a" * 60_000,
        b"/computeMetadata/v1/../../etc/passwd",
        b"http://elsewhere.example/_control/state",
        b"*",
    ):
        assert 400 <= await status(path) < 500, path
    assert await status(b"/cloudresourcemanager/v1/projects/demo-proj") == 200
