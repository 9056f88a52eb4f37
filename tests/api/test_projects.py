"""The caller's projects, and what a deployment into one of them would find."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.google.api import GoogleApi
from adapters.google.credentials import DefaultCredentials
from adapters.google.preflight import GooglePreflight, read_requirements
from api.app import build
from api.dependencies import Services
from deployments.errors import SignInExpired
from tests.api.serving import in_process
from tests.support.servers import ROOT, free_port
from tests.support.stand_in.serving import ServedStandIn, Token

TEMPLATES = ROOT / "terraform"
NEEDED = read_requirements(TEMPLATES, "anava")


class Nobody:
    """A credential source without anybody signed in."""

    async def token(self) -> str:
        raise SignInExpired("nobody is signed in")


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    served.reset()
    served.project(enabled=[*NEEDED.apis])
    return served


@asynccontextmanager
async def session(services: Services, api: GoogleApi) -> AsyncIterator[httpx.AsyncClient]:
    asked = replace(services, preflight=GooglePreflight(api, TEMPLATES))
    async with in_process(build(asked)) as front:
        yield front
    await api.close()


@pytest.fixture
async def front(services: Services, google: ServedStandIn) -> AsyncIterator[httpx.AsyncClient]:
    api = GoogleApi(Token(google.token()), google.endpoint)
    async with session(services, api) as front:
        yield front


async def test_a_project_that_is_fit_is_ready(front: httpx.AsyncClient) -> None:
    answer = await front.post("/api/validate-project", json={"project_id": "demo-proj"})

    assert answer.status_code == 200
    assert answer.json() == {"project_id": "demo-proj", "ready": True, "findings": []}


async def test_what_stands_in_the_way_is_told_with_what_mends_it(
    front: httpx.AsyncClient, google: ServedStandIn
) -> None:
    google.project(billing=False, enabled=[*NEEDED.apis[1:]])
    found = (await front.post("/api/validate-project", json={"project_id": "demo-proj"})).json()

    assert not found["ready"]
    assert [(finding["cause"], finding["severity"]) for finding in found["findings"]] == [
        ("billing_disabled", "blocking"),
        ("api_disabled", "note"),
    ]
    assert found["findings"][0]["fix"].startswith("https://console.cloud.google.com/billing")
    assert found["findings"][1]["fix"].startswith("gcloud services enable ")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/project_id"),
        ({"project_id": "X"}, "/project_id"),
        ({"project_id": "../../v1/projects"}, "/project_id"),
        ({"project_id": "demo-proj", "prefix": "a" * 16}, "/prefix"),
        ({"project_id": "demo-proj", "region": "moon"}, "/region"),
        ({"project_id": "demo-proj", "storage_location": "a\u0000"}, "/storage_location"),
        ({"project_id": "demo-proj", "template": "../sandbox"}, "/template"),
        ({"project_id": "demo-proj", "credential": "x"}, "/credential"),
        ({"project_id": 7}, "/project_id"),
    ],
)
async def test_a_bad_body_is_a_problem_and_google_is_not_asked(
    front: httpx.AsyncClient, google: ServedStandIn, body: dict[str, object], pointer: str
) -> None:
    answer = await front.post("/api/validate-project", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert google.asked() == []


async def test_the_callers_projects_are_listed(front: httpx.AsyncClient) -> None:
    answer = await front.get("/api/projects")
    assert answer.json() == {
        "items": [{"project_id": "demo-proj", "name": "Demo project", "number": "123456789012"}],
        "next_cursor": None,
    }


@pytest.mark.parametrize("path", ["/api/projects", "/api/validate-project"])
async def test_nobody_signed_in_is_a_401_that_says_so(services: Services, path: str) -> None:
    async with session(services, GoogleApi(Nobody(), "http://127.0.0.1:9")) as front:
        method = "GET" if path.endswith("projects") else "POST"
        content = {"project_id": "demo-proj"} if method == "POST" else None
        answer = await front.request(method, path, json=content)

    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_expired")


async def test_an_expired_token_is_a_401_for_the_list_and_a_finding_for_the_check(
    services: Services, google: ServedStandIn
) -> None:
    async with session(services, GoogleApi(Token("ya29.old"), google.endpoint)) as front:
        listed = await front.get("/api/projects")
        checked = await front.post("/api/validate-project", json={"project_id": "demo-proj"})

    assert (listed.status_code, listed.json()["code"]) == (401, "sign_in_expired")
    assert [finding["cause"] for finding in checked.json()["findings"]] == ["sign_in_expired"]


@pytest.mark.parametrize("path", ["/api/projects", "/api/validate-project"])
async def test_a_google_that_does_not_answer_is_a_503(services: Services, path: str) -> None:
    async with session(services, GoogleApi(Token("t"), f"http://127.0.0.1:{free_port()}")) as front:
        method = "GET" if path.endswith("projects") else "POST"
        content = {"project_id": "demo-proj"} if method == "POST" else None
        answer = await front.request(method, path, json=content)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers


async def test_without_google_at_all_it_is_a_503(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/projects")).status_code == 503


async def test_no_path_of_the_host_is_in_an_answer(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing-key.json"))
    async with session(services, GoogleApi(DefaultCredentials(), "http://127.0.0.1:9")) as front:
        answer = await front.get("/api/projects")

    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_expired")
    assert "(a path of the host)" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
    assert "missing-key" not in answer.text
