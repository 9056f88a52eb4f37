"""Artifacts over HTTP: listed, linked for five minutes, downloaded and never shown."""

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.local.artifacts import LocalArtifactStore
from api.app import build
from api.dependencies import Services
from deployments.artifacts import LEFT_OUT, LINK_SECONDS, left_out_content
from tests.api.serving import in_process

LOG = b"line\n" * 100_000


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> LocalArtifactStore:
    return LocalArtifactStore(tmp_path, clock)


@pytest.fixture
async def api(services: Services, store: LocalArtifactStore) -> AsyncIterator[httpx.AsyncClient]:
    app = build(dataclasses.replace(services, artifacts=store, downloads=store))
    async with in_process(app) as session:
        yield session


@pytest.fixture
async def path(api: httpx.AsyncClient, store: LocalArtifactStore) -> str:
    """The artifacts of a deployment that has left a plan, a log and a page."""
    answer = await api.post("/api/deploy", json={"template": "sandbox", "project_id": "customer-1"})
    deployment = str(answer.json()["id"])
    await store.put(deployment, "plan.json", [b"{}"])
    await store.put(deployment, "log.txt", [LOG])
    await store.put(deployment, "page.html", [b"<script>alert(1)</script>"])
    return f"/api/deployment/{deployment}/artifacts"


async def link(api: httpx.AsyncClient, path: str, name: str) -> str:
    answer = await api.get(f"{path}/{name}")
    assert answer.status_code == 307, answer.text
    assert "no-store" in answer.headers["cache-control"]
    return answer.headers["location"]


async def test_the_list_tells_size_hash_type_and_time(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    items = answer.json()["items"]
    assert [item["name"] for item in items] == ["log.txt", "page.html", "plan.json"]
    assert items[0]["size_bytes"] == len(LOG)
    assert items[0]["sha256"] == hashlib.sha256(LOG).hexdigest()
    assert items[0]["content_type"] == "text/plain; charset=utf-8"
    assert items[0]["created_at"].endswith("Z")


async def test_a_deployment_links_to_its_artifacts_and_its_plan(
    api: httpx.AsyncClient, path: str
) -> None:
    deployment = await api.get(path.removesuffix("/artifacts"))
    links = deployment.json()["links"]
    assert links["artifacts"] == path
    assert links["plan"] == path.replace("artifacts", "plan")


async def test_a_download_is_an_attachment_that_no_browser_shows(
    api: httpx.AsyncClient, path: str
) -> None:
    url = await link(api, path, "page.html")
    answer = await api.get(url)
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    headers = answer.headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''page.html"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == "25"


async def test_a_large_file_comes_whole(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(await link(api, path, "log.txt"))
    assert answer.content == LOG
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_link_works_again_and_again_until_its_time_is_over(
    api: httpx.AsyncClient, path: str, clock: Clock
) -> None:
    url = await link(api, path, "plan.json")
    clock.now += LINK_SECONDS - 1
    assert [(await api.get(url)).status_code for _ in range(2)] == [200, 200]
    clock.now += 1
    late = await api.get(url)
    assert (late.status_code, late.json()["code"]) == (403, "link_expired")
    assert late.json()["next_step"]
    assert (await api.get(await link(api, path, "plan.json"))).status_code == 200


async def test_a_link_is_for_reading_only(api: httpx.AsyncClient, path: str) -> None:
    url = await link(api, path, "log.txt")
    head = await api.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(LOG))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await api.request(method, url)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_a_link_that_was_changed_is_refused(api: httpx.AsyncClient, path: str) -> None:
    url = await link(api, path, "plan.json")
    deployment = path.split("/")[3]
    last = "1" if url[-1] == "0" else "0"
    for forged in (
        url.replace("plan.json", "log.txt"),
        url.replace(deployment, "dep-" + "a" * 26),
        url.replace("expires=1", "expires=2"),
        url.replace("expires=", "expires=0"),
        url[:-1] + last,
        url[:-1],
        url.partition("&")[0],
        url.partition("?")[0],
    ):
        assert forged != url
        answer = await api.get(forged)
        assert (answer.status_code, answer.json()["code"]) == (403, "link_refused"), forged
        assert b"{}" not in answer.content


@pytest.mark.parametrize(
    "name",
    [
        "outputs.json",
        "plan.tfplan",
        ".plan.json",
        "..%2fplan.json",
        "..%2f..%2fdownload.key",
        "plan%22.json",
        "plan.json%0d%0aX-Evil:%201",
        "plan.json%00",
        "%ff%fe.json",
        "missing.html",
        "x" * 10_000,
    ],
)
async def test_a_name_that_is_not_there_is_not_found_however_it_looks(
    api: httpx.AsyncClient, path: str, name: str
) -> None:
    answer = await api.get(f"{path}/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-evil" not in answer.headers
    forged = await api.get(f"/api/artifacts/download/{path.split('/')[3]}/{name}?signature=0")
    assert forged.status_code in {403, 404}


async def test_artifacts_of_an_unknown_deployment_are_not_found(api: httpx.AsyncClient) -> None:
    unknown = f"/api/deployment/dep-{'a' * 26}"
    for where in ("artifacts", "artifacts/plan.json", "plan"):
        answer = await api.get(f"{unknown}/{where}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_without_an_own_store_there_is_no_download_route(
    services: Services, store: LocalArtifactStore, api: httpx.AsyncClient, path: str
) -> None:
    url = await link(api, path, "plan.json")
    elsewhere = build(dataclasses.replace(services, artifacts=store, downloads=None))
    async with in_process(elsewhere) as session:
        assert (await session.get(url)).status_code == 404


async def test_the_list_and_the_page_say_whose_limit_a_file_has_reached(
    api: httpx.AsyncClient, store: LocalArtifactStore, path: str
) -> None:
    deployment = path.split("/")[3]
    for name, reason in zip(("plan.json", "plan.txt"), LEFT_OUT.values(), strict=True):
        await store.put(deployment, name, [left_out_content(name, reason).encode()])
    items = {item["name"]: item for item in (await api.get(path)).json()["items"]}
    assert items["plan.json"]["left_out"] == "artifact_limit_reached"
    assert items["plan.json"]["left_out_message"] == (
        "The file plan.json is larger than the limit for a file of a deployment."
    )
    assert items["plan.txt"]["left_out"] == "owner_limit_reached"
    assert items["plan.txt"]["left_out_message"] == (
        "The file plan.txt has no room: the logs and files of the owner's deployments have reached "
        "their limit on the host. An operator can shorten the retention of earlier deployments or "
        "raise the limit."
    )
    assert (items["log.txt"]["left_out"], items["log.txt"]["left_out_message"]) == ("", "")
    page = (await api.get(f"/deployment/{deployment}")).text.replace("&#39;", "'")
    for name in ("plan.json", "plan.txt"):
        item = items[name]
        assert f"left out: {item['left_out_message']} ({item['left_out']})" in page
