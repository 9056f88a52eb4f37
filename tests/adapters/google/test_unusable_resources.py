"""What failed at Google is deleted and created again, or stops the deployment; never imported."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from adapters.google.unusable_resources import UnusableResources, is_unusable
from deployments.imports import Import, PlannedCreation
from deployments.reasons import Reason
from tests.support.servers import eventually
from tests.support.stand_in.provider import served as running
from tests.support.stand_in.serving import ServedStandIn, Token

PARENT = "projects/demo-proj/locations"
NAME = f"{PARENT}/us-central1/functions/anava-tvm-fn"
FUNCTION = PlannedCreation(
    "google_cloudfunctions2_function.f",
    "google_cloudfunctions2_function",
    {"location": "us-central1", "name": "anava-tvm-fn"},
)
API = PlannedCreation("google_api_gateway_api.a", "google_api_gateway_api", {"api_id": "anava-api"})
CONFIG = PlannedCreation(
    "google_api_gateway_api_config.c",
    "google_api_gateway_api_config",
    {"api": "anava-api", "api_config_id": "config-1"},
)
ACCOUNT = PlannedCreation(
    "google_service_account.a", "google_service_account", {"account_id": "anava-sa"}
)
OURS = {"labels": {"app": "anava"}}
RELEASE = PlannedCreation(
    "google_firebaserules_release.l", "google_firebaserules_release", {"name": "cloud.firestore"}
)
RULESET = PlannedCreation(
    "google_firebaserules_ruleset.r",
    "google_firebaserules_ruleset",
    {"source": [{"files": [{"name": "firestore.rules", "content": "allow read: if mine();"}]}]},
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStandIn]:
    with running(tmp_path_factory.mktemp("google")) as stand_in:
        yield stand_in


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    served.reset()
    names = ("apigateway", "cloudfunctions", "firebaserules", "iam")
    served.project(enabled=[f"{name}.googleapis.com" for name in names])
    return served


@pytest.fixture
async def finder(google: ServedStandIn) -> AsyncIterator[GoogleImportFinder]:
    api = GoogleApi(Token(google.token()), google.endpoint)
    yield GoogleImportFinder(api, UnusableResources(api, settle_seconds=0.2, delete_seconds=0.2))
    await api.close()


def function(google: ServedStandIn, **fields: object) -> None:
    path = f"/cloudfunctions/v2/{NAME}".rpartition("/")[0]
    google.preload((f"{path}?functionId=anava-tvm-fn", {**OURS, "serviceConfig": {}, **fields}))


def failed_function(google: ServedStandIn, **fields: object) -> None:
    """A function whose first build failed: the service agent did not have its roles yet."""
    google.control("PUT", "settings", {"role_seconds": 600})
    function(google, **fields)


def exists(google: ServedStandIn, kind: str) -> bool:
    return bool(google.control("GET", "state")["resources"].get(kind))


async def test_a_failed_function_of_an_earlier_deployment_is_deleted_and_not_imported(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """The import took it, planned no change, and the deployment counted as completed."""
    failed_function(google)
    survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert (survey.imports, survey.findings) == ([], [])
    assert not exists(google, "functions")


async def test_a_working_function_is_imported(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    function(google)
    survey = await finder.find_existing("demo-proj", [FUNCTION])
    assert survey.imports == [Import(FUNCTION.address, NAME)]


@pytest.mark.parametrize("labels", [{}, {"app": "other"}, None, "anava"])
async def test_a_failed_function_of_the_customers_own_stays(
    google: ServedStandIn, finder: GoogleImportFinder, labels: object
) -> None:
    failed_function(google, labels=labels)
    survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert survey.imports == []
    assert [(item.cause, item.resource) for item in survey.findings] == [
        (Reason.ALREADY_EXISTS, FUNCTION.address)
    ]
    assert exists(google, "functions")


async def test_a_config_in_state_failed_is_deleted(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    apis = f"/apigateway/v1beta/{PARENT}/global/apis"
    document = {"document": {"path": "openapi.json", "contents": "e30="}}
    config: dict[str, Any] = {**OURS, "openapiDocuments": [document]}
    google.preload(
        (f"{apis}?apiId=anava-api", OURS),
        (f"{apis}/anava-api/configs?apiConfigId=config-1", config),
    )
    failed = {"state": "FAILED"}
    google.preload(
        (f"{apis}/anava-api/configs/config-1?updateMask=state", failed),
        (f"{apis}/anava-api?updateMask=state", {"state": "ACTIVE"}),
        method="PATCH",
    )
    survey = await finder.find_existing("demo-proj", [API, CONFIG])

    assert survey.imports == [Import(API.address, f"{PARENT}/global/apis/anava-api")]
    assert survey.findings == []
    assert not exists(google, "configs")


async def test_an_operation_in_progress_is_waited_for(google: ServedStandIn) -> None:
    google.control("PUT", "settings", {"operation_seconds": 600})
    function(google)
    api = GoogleApi(Token(google.token()), google.endpoint)
    finder = GoogleImportFinder(api)
    search = asyncio.create_task(finder.find_existing("demo-proj", [FUNCTION]))
    await eventually(lambda: len(google.asked()) >= 2, "a second look at the function")
    google.control("PUT", "settings", {"skip_seconds": 600})
    survey = await search
    await api.close()

    assert survey.imports == [Import(FUNCTION.address, NAME)]


async def test_an_operation_that_does_not_end_stops_the_deployment(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    google.control("PUT", "settings", {"operation_seconds": 600})
    function(google)
    survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert survey.imports == []
    assert [item.cause for item in survey.findings] == [Reason.CONCURRENT_CHANGE]
    assert exists(google, "functions")


async def test_an_incomplete_function_of_the_state_is_deleted_before_the_next_plan(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    function(google)
    survey = await finder.delete_unusable("demo-proj", [FUNCTION])
    assert (survey.deleted, survey.findings) == ([FUNCTION.address], [])
    assert not exists(google, "functions")

    again = await finder.delete_unusable("demo-proj", [FUNCTION])
    assert again.deleted == [FUNCTION.address]


async def test_an_incomplete_account_is_left_to_a_person(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """An account that is made again loses the roles that others gave it."""
    google.preload(("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": "anava-sa"}))
    survey = await finder.delete_unusable("demo-proj", [ACCOUNT])

    assert survey.deleted == []
    assert [item.cause for item in survey.findings] == [Reason.ALREADY_EXISTS]
    assert exists(google, "serviceAccounts")


async def test_a_deletion_that_is_not_allowed_names_the_permission(google: ServedStandIn) -> None:
    failed_function(google)
    api = GoogleApi(Token(google.token(["cloudfunctions.functions.get"])), google.endpoint)
    survey = await GoogleImportFinder(api).find_existing("demo-proj", [FUNCTION])
    await api.close()

    assert [item.cause for item in survey.findings] == [Reason.PERMISSION_DENIED]
    assert "cloudfunctions.functions.delete" in survey.findings[0].message


@pytest.mark.parametrize(
    ("type", "resource", "unusable"),
    [
        ("google_cloudfunctions2_function", {"state": "ACTIVE"}, True),
        ("google_cloudfunctions2_function", {"serviceConfig": None}, True),
        ("google_cloudfunctions2_function", {"serviceConfig": {"uri": "https://f"}}, False),
        ("google_api_gateway_gateway", {"state": "ACTIVE"}, True),
        ("google_api_gateway_gateway", {"defaultHostname": "g"}, False),
        ("google_api_gateway_api_config", {"state": "ACTIVE"}, False),
        ("google_api_gateway_api", {}, False),
        # Data: never deleted here.
        ("google_firestore_database", {"state": "FAILED"}, False),
        ("google_storage_bucket", {"state": "FAILED"}, False),
    ],
)
def test_an_address_is_part_of_being_usable(
    type: str, resource: dict[str, Any], unusable: bool
) -> None:
    assert is_unusable(type, resource) is unusable


@pytest.mark.parametrize(
    ("rules", "causes"),
    [
        ("allow read: if mine();", []),
        ("match /a { allow read, write: if false; } // allow read: if true;", []),
        ("allow read: if request.auth != null;", [Reason.ALREADY_EXISTS]),
        ("allow read: if false; allow write;", [Reason.ALREADY_EXISTS]),
        ("allow read: if false || true;", [Reason.ALREADY_EXISTS]),
        ("/* allow read: if false; */ allow read: if\ntrue;", [Reason.ALREADY_EXISTS]),
    ],
)
async def test_rules_of_another_app_on_the_default_database_are_not_replaced(
    google: ServedStandIn, finder: GoogleImportFinder, rules: str, causes: list[Reason]
) -> None:
    path = "/firebaserules/v1/projects/demo-proj"
    files = [{"name": "firestore.rules", "content": rules}]
    google.preload((f"{path}/rulesets", {"source": {"files": files}}))
    (name,) = google.control("GET", "state")["resources"]["rulesets"]
    release = {"name": "projects/demo-proj/releases/cloud.firestore", "rulesetName": name}
    google.preload((f"{path}/releases", release))
    survey = await finder.find_existing("demo-proj", [RULESET, RELEASE])

    assert [item.cause for item in survey.findings] == causes
