"""A caller beyond a limit is refused with 429, and costs the other callers nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from adapters.encryption import AesGcmCipher
from adapters.temporal.gateway import TemporalGateway
from api.app import build
from api.dependencies import Services, current_user
from api.services.deployments import DeploymentService
from api.services.quotas import Quotas
from deployments.deployment import DEFAULT_TENANT
from deployments.errors import TemporalUnavailable, TooManyCreates, TooManyDeployments
from deployments.execution import Caller
from deployments.requests import DeploymentFields, check
from deployments.subject import Subject, SubjectLimits, subject_of
from deployments.timings import Timings
from tests.api.scripted import finish
from tests.api.serving import in_process
from tests.support.servers import eventually

ANN, BOB = (subject_of(Caller(DEFAULT_TENANT, name)) for name in ("ann", "bob"))


def body(**fields: object) -> dict[str, object]:
    prefix = "p" + uuid.uuid4().hex[:8]
    return {"template": "sandbox", "project_id": "customer-1", "prefix": prefix, **fields}


@pytest.fixture
def limits() -> SubjectLimits:
    return SubjectLimits(open_deployments=3)


@pytest.fixture
def service(client: Client, tmp_path: Path, limits: SubjectLimits) -> DeploymentService:
    cipher = AesGcmCipher.open((), tmp_path)
    return DeploymentService(TemporalGateway(client), Timings(), cipher, limits)


@pytest.fixture
async def limited(
    services: Services, service: DeploymentService
) -> AsyncIterator[httpx.AsyncClient]:
    """The API with small limits, called by an owner who has nothing open."""
    app = build(replace(services, deployments=service))
    owner = Caller(DEFAULT_TENANT, "owner-" + uuid.uuid4().hex[:8])
    app.dependency_overrides[current_user] = lambda: owner
    async with in_process(app) as session:
        yield session


async def test_creates_at_once_beyond_the_limit_are_refused(limited: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(limited.post("/api/deploy", json=body()) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 17
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_deployments"
    assert refused.json()["detail"] == "The limit is 3 deployments that wait or run at once."
    assert int(refused.headers["retry-after"]) == 30


async def test_a_repeat_of_an_accepted_create_is_answered_beyond_the_limit(
    limited: httpx.AsyncClient,
) -> None:
    bodies = [body() for _ in range(4)]
    keys = [uuid.uuid4().hex for _ in bodies]

    async def create(number: int) -> httpx.Response:
        headers = {"Idempotency-Key": keys[number]}
        return await limited.post("/api/deploy", json=bodies[number], headers=headers)

    first = [await create(number) for number in range(4)]
    again = [await create(number) for number in range(4)]
    assert [answer.status_code for answer in first] == [202, 202, 202, 429]
    assert [answer.status_code for answer in again] == [202, 202, 202, 429]
    assert [answer.json()["id"] for answer in first[:3]] == [
        answer.json()["id"] for answer in again[:3]
    ]


@pytest.mark.usefixtures("worker")
async def test_an_ended_deployment_frees_its_place(
    client: Client, limited: httpx.AsyncClient, service: DeploymentService
) -> None:
    # As if the creates were made by another process: this one remembers nothing.
    ids = [(await limited.post("/api/deploy", json=body())).json()["id"] for _ in range(3)]
    [owner] = service._quotas._admitted
    gateway = TemporalGateway(client)

    async def are_listed() -> bool:
        return len(await gateway.open_ids(owner, 4)) == 3

    await eventually(are_listed, "the list of the deployments")
    service._quotas._admitted.clear()
    assert (await limited.post("/api/deploy", json=body())).status_code == 429
    await finish(client, ids[0])

    async def is_accepted() -> bool:
        return (await limited.post("/api/deploy", json=body())).status_code == 202

    await eventually(is_accepted, "a free place")


async def test_another_owner_is_not_refused(
    limited: httpx.AsyncClient, service: DeploymentService
) -> None:
    for _ in range(4):
        await limited.post("/api/deploy", json=body())
    other = Caller(DEFAULT_TENANT, "other-" + uuid.uuid4().hex[:8])
    request = check(DeploymentFields(project_id="customer-1", template="sandbox"))
    snapshot = await service.start(other, request, None)
    assert snapshot.owner == other.owner


@pytest.mark.parametrize("limits", [SubjectLimits(creates_per_minute=2)])
async def test_creates_beyond_the_rate_are_refused(limited: httpx.AsyncClient) -> None:
    answers = [await limited.post("/api/deploy", json=body()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["code"] == "too_many_creates"
    assert 0 < int(answers[2].headers["retry-after"]) <= 60


async def test_a_refused_request_is_not_counted(limited: httpx.AsyncClient) -> None:
    for hostile in ({"prefix": "-"}, {"template": "x"}, {"variables": {"lines": 1e99}}):
        answer = await limited.post("/api/deploy", json=body(**hostile))
        assert answer.status_code == 422
    answers = [await limited.post("/api/deploy", json=body()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3


class FakeTemporal:
    """Lists these ids; does not answer while `down` is set."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.down = False

    async def open_ids(self, subject: Subject, at_most: int) -> set[str]:
        if self.down:
            raise TemporalUnavailable
        return self.ids if subject == ANN else set()


class SlowTemporal(FakeTemporal):
    """Lists the ids as soon as `answers` is set."""

    def __init__(self, *ids: str) -> None:
        super().__init__(*ids)
        self.is_asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def open_ids(self, subject: Subject, at_most: int) -> set[str]:
        self.is_asked.set()
        await self.answers.wait()
        return await super().open_ids(subject, at_most)


async def test_the_rate_is_that_of_a_sliding_minute() -> None:
    now = 0.0
    quotas = Quotas(FakeTemporal(), SubjectLimits(100, 2), lambda: now)
    await quotas.admit(ANN, "dep-1")
    now = 50
    await quotas.admit(ANN, "dep-2")
    await quotas.admit(ANN, "dep-2")
    with pytest.raises(TooManyCreates) as refusal:
        await quotas.admit(ANN, "dep-3")
    assert refusal.value.retry_after_seconds == 10
    await quotas.admit(BOB, "dep-4")
    now = 60
    await quotas.admit(ANN, "dep-3")


async def test_a_create_that_temporal_does_not_list_yet_counts() -> None:
    now = 0.0
    temporal = FakeTemporal("dep-1")
    quotas = Quotas(temporal, SubjectLimits(2, 100), lambda: now)
    await quotas.admit(ANN, "dep-2")
    with pytest.raises(TooManyDeployments):
        await quotas.admit(ANN, "dep-3")
    # It has ended, and Temporal lists it no more.
    now = 11
    await quotas.admit(ANN, "dep-3")


async def test_an_outage_of_temporal_takes_no_place() -> None:
    temporal = FakeTemporal()
    quotas = Quotas(temporal, SubjectLimits(1, 1))
    temporal.down = True
    with pytest.raises(TemporalUnavailable):
        await quotas.admit(ANN, "dep-1")
    temporal.down = False
    await quotas.admit(ANN, "dep-2")


async def test_equal_creates_at_once_have_the_verdict_of_the_first() -> None:
    """The second of two equal creates was admitted while the first waited for its refusal."""
    temporal = SlowTemporal("dep-1")
    quotas = Quotas(temporal, SubjectLimits(1, 100))
    creates = [asyncio.create_task(quotas.admit(ANN, "dep-2")) for _ in range(3)]
    await temporal.is_asked.wait()
    temporal.answers.set()
    verdicts = await asyncio.gather(*creates, return_exceptions=True)
    assert [type(verdict) for verdict in verdicts] == [TooManyDeployments] * 3
    assert not quotas._admitted.get(ANN)


async def test_a_repeat_counts_after_the_client_of_the_first_create_has_left() -> None:
    temporal = SlowTemporal()
    quotas = Quotas(temporal, SubjectLimits(1, 100))
    first = asyncio.create_task(quotas.admit(ANN, "dep-1"))
    await temporal.is_asked.wait()
    repeat = asyncio.create_task(quotas.admit(ANN, "dep-1"))
    other = asyncio.create_task(quotas.admit(ANN, "dep-2"))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    temporal.answers.set()
    await repeat
    with pytest.raises(TooManyDeployments):
        await other
    assert set(quotas._admitted[ANN]) == {"dep-1"}


async def test_equal_creates_at_once_count_as_one() -> None:
    quotas = Quotas(FakeTemporal(), SubjectLimits(1, 1))
    await asyncio.gather(*(quotas.admit(ANN, "dep-1") for _ in range(20)))
    assert set(quotas._admitted[ANN]) == {"dep-1"}


async def test_a_subject_that_creates_nothing_takes_no_memory() -> None:
    now = 0.0
    quotas = Quotas(FakeTemporal(), SubjectLimits(), lambda: now)
    await quotas.admit(ANN, "dep-1")
    now = 61
    await quotas.admit(BOB, "dep-2")
    quotas._last_minute(ANN)
    assert set(quotas._admitted) == {BOB}


@pytest.mark.parametrize("owner", ["ann", "a" * 200, "ä" * 40, "a/b", ""])
def test_the_key_of_a_subject_fits_temporal(owner: str) -> None:
    key = subject_of(Caller(DEFAULT_TENANT, owner)).key
    assert 0 < len(key.encode()) <= 64
