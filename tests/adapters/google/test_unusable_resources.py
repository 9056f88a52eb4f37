"""What failed at Google is deleted and created again, or stops the deployment; never imported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from adapters.google.unusable_resources import is_incomplete, is_unusable
from deployments.findings import Effect, Severity
from deployments.imports import Import, ImportSurvey, PlannedCreation
from deployments.reasons import Reason
from tests.support.security_rules import RULES_OF_RELEASE_0_1_0
from tests.support.servers import eventually
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
FAILED = {"state": "FAILED"}
GEN_2 = {"environment": "GEN_2"}
GATEWAY = "google_api_gateway_gateway"
RELEASE = PlannedCreation(
    "google_firebaserules_release.l", "google_firebaserules_release", {"name": "cloud.firestore"}
)
RULESET = PlannedCreation(
    "google_firebaserules_ruleset.r",
    "google_firebaserules_ruleset",
    {"source": [{"files": [{"name": "firestore.rules", "content": "allow read: if mine();"}]}]},
)


def busy(status: int, times: int = 0) -> dict[str, object]:
    body = {"error": {"code": status, "message": "unable to queue the operation"}}
    return {"path": "/functions/", "method": "DELETE", "status": status, "body": body} | (
        {"times": times} if times else {}
    )


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    served.reset()
    names = ("apigateway", "cloudfunctions", "firebaserules", "iam")
    served.project(enabled=[f"{name}.googleapis.com" for name in names])
    return served


@asynccontextmanager
async def finder_of(
    google: ServedStandIn, survey_seconds: float = 20
) -> AsyncIterator[GoogleImportFinder]:
    api = GoogleApi(Token(google.token()), google.endpoint)
    yield GoogleImportFinder(api, survey_seconds)
    await api.close()


@pytest.fixture
async def finder(google: ServedStandIn) -> AsyncIterator[GoogleImportFinder]:
    async with finder_of(google) as finder:
        yield finder


def function(google: ServedStandIn, **fields: object) -> None:
    path = f"/cloudfunctions/v2/{NAME}".rpartition("/")[0]
    google.preload((f"{path}?functionId=anava-tvm-fn", {**OURS, "serviceConfig": {}, **fields}))


def failed_function(google: ServedStandIn, **fields: object) -> None:
    """A function whose first build failed: the service agent did not have its roles yet."""
    google.control("PUT", "settings", {"role_seconds": 600})
    function(google, **fields)


def noted(survey: ImportSurvey) -> list[str]:
    """The addresses of the deleted resources, when there is no other finding."""
    assert {(item.cause, item.severity, item.effect) for item in survey.findings} <= {
        (Reason.RESOURCE_DELETED, Severity.NOTE, Effect.HARMLESS)
    }
    return [item.resource for item in survey.findings]


def deletions(google: ServedStandIn) -> list[int]:
    return [item["status"] for item in google.asked() if item["method"] == "DELETE"]


def exists(google: ServedStandIn, kind: str) -> bool:
    return bool(google.control("GET", "state")["resources"].get(kind))


async def test_a_failed_function_of_an_earlier_deployment_is_deleted_and_not_imported(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """The import took it, planned no change, and the deployment counted as completed."""
    failed_function(google)
    survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert survey.imports == []
    assert noted(survey) == [FUNCTION.address]
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
    assert noted(survey) == [CONFIG.address]
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


async def test_an_operation_that_does_not_end_stops_the_deployment(google: ServedStandIn) -> None:
    google.control("PUT", "settings", {"operation_seconds": 600})
    function(google)
    async with finder_of(google, survey_seconds=0.2) as finder:
        survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert survey.imports == []
    assert [item.cause for item in survey.findings] == [Reason.CONCURRENT_CHANGE]
    assert exists(google, "functions")


async def test_an_incomplete_function_of_the_state_is_deleted_before_the_next_plan(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    function(google)
    survey = await finder.delete_unusable("demo-proj", [FUNCTION])
    assert (survey.deleted, noted(survey)) == ([FUNCTION.address], [FUNCTION.address])
    assert "anava-tvm-fn" in survey.findings[0].message
    assert not exists(google, "functions")

    again = await finder.delete_unusable("demo-proj", [FUNCTION])
    assert (again.deleted, again.findings) == ([FUNCTION.address], [])


async def test_a_deletion_that_an_earlier_attempt_began_is_waited_for(
    google: ServedStandIn,
) -> None:
    """Google refuses a second DELETE with 409, and the deployment ended with that refusal."""
    function(google)
    google.control("PUT", "settings", {"operation_seconds": 600})
    google.preload((f"/cloudfunctions/v2/{NAME}", {}), method="DELETE")
    async with finder_of(google) as finder:
        deletion = asyncio.create_task(finder.delete_unusable("demo-proj", [FUNCTION]))
        await eventually(lambda: len(google.asked()) >= 2, "the second read of the function")
        google.control("PUT", "settings", {"skip_seconds": 600})
        survey = await deletion

    assert (survey.deleted, noted(survey)) == ([FUNCTION.address], [FUNCTION.address])
    assert deletions(google) == []


@pytest.mark.parametrize("status", [400, 409])
async def test_a_deletion_is_sent_again_after_another_operation_has_ended(
    google: ServedStandIn, finder: GoogleImportFinder, status: int
) -> None:
    function(google)
    google.control("PUT", "rules", [busy(status, times=2)])
    survey = await finder.delete_unusable("demo-proj", [FUNCTION])

    assert (survey.deleted, noted(survey)) == ([FUNCTION.address], [FUNCTION.address])
    assert deletions(google) == [status, status, 200]


async def test_a_deletion_that_google_keeps_refusing_has_a_limit(google: ServedStandIn) -> None:
    function(google)
    google.control("PUT", "rules", [busy(409)])
    async with finder_of(google, survey_seconds=1) as finder:
        survey = await finder.delete_unusable("demo-proj", [FUNCTION])

    assert survey.deleted == []
    assert [item.cause for item in survey.findings] == [Reason.ALREADY_EXISTS]


async def test_a_function_that_failed_and_has_an_address_meanwhile_stays(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """Another program built the function between the plan and the deletion."""
    function(google)
    failed = PlannedCreation(FUNCTION.address, FUNCTION.type, {**FUNCTION.values, **FAILED})
    survey = await finder.delete_unusable("demo-proj", [failed])

    assert survey.deleted == []
    assert [item.cause for item in survey.findings] == [Reason.CONCURRENT_CHANGE]
    assert deletions(google) == []


async def test_all_resources_together_have_a_limit(google: ServedStandIn) -> None:
    """Each request had a limit of its own, so that a slow project exceeded that of the activity."""
    google.control("PUT", "rules", [{"path": ".", "delay_seconds": 30}])
    creations = [FUNCTION, API, CONFIG, ACCOUNT, RULESET, RELEASE]
    async with asyncio.timeout(5), finder_of(google, survey_seconds=0.5) as finder:
        survey = await finder.find_existing("demo-proj", creations)

    assert {(item.cause, item.severity, item.effect) for item in survey.findings} == {
        (Reason.GOOGLE_UNAVAILABLE, Severity.BLOCKING, Effect.FATAL)
    }
    searched = {item.address for item in creations} - {RULESET.address}
    assert {item.resource for item in survey.findings} == searched


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
        (FUNCTION.type, {**FAILED, **OURS, **GEN_2}, True),
        (FUNCTION.type, {**FAILED, **OURS, **GEN_2, "serviceConfig": None}, True),
        # The update of a working function failed: the earlier revision serves the cameras.
        (FUNCTION.type, {**FAILED, **OURS, **GEN_2, "serviceConfig": {"uri": "https://f"}}, False),
        (FUNCTION.type, {**FAILED, **OURS, **GEN_2, "url": "https://f"}, False),
        (FUNCTION.type, {**OURS, **GEN_2, "state": "ACTIVE"}, False),
        (FUNCTION.type, {**OURS, **GEN_2}, False),
        # Functions of the first generation never have an address in this field.
        (FUNCTION.type, {**FAILED, **OURS, "environment": "GEN_1"}, False),
        (FUNCTION.type, {**FAILED, **OURS}, False),
        (FUNCTION.type, {**FAILED, **GEN_2}, False),
        (FUNCTION.type, {**FAILED, **GEN_2, "labels": "anava"}, False),
        (FUNCTION.type, {**FAILED, **GEN_2, "labels": {"app": ["anava"]}}, False),
        (CONFIG.type, {**FAILED, **OURS}, True),
        (CONFIG.type, {**OURS, "state": "ACTIVE"}, False),
        (CONFIG.type, OURS, False),
        (API.type, {**FAILED, **OURS}, True),
        (API.type, OURS, False),
        (GATEWAY, {**FAILED, **OURS}, True),
        (GATEWAY, {**FAILED, **OURS, "defaultHostname": "g"}, False),
        (GATEWAY, {**OURS, "state": "ACTIVE"}, False),
        # Data: never deleted here.
        ("google_firestore_database", {**FAILED, **OURS}, False),
        ("google_storage_bucket", {**FAILED, **OURS}, False),
    ],
)
def test_only_what_failed_before_it_had_an_address_is_unusable(
    type: str, resource: dict[str, Any], unusable: bool
) -> None:
    assert is_unusable(type, resource) is unusable


@pytest.mark.parametrize(
    ("type", "resource", "incomplete"),
    [
        (FUNCTION.type, {"state": "ACTIVE"}, True),
        (FUNCTION.type, {"serviceConfig": "uri"}, True),
        (FUNCTION.type, {"environment": "GEN_1", "url": "https://f"}, True),
        (FUNCTION.type, {**FAILED, "serviceConfig": {"uri": "https://f"}}, False),
        (GATEWAY, {"state": "ACTIVE"}, True),
        (GATEWAY, {"defaultHostname": "g"}, False),
        (CONFIG.type, FAILED, True),
        (CONFIG.type, {"state": "ACTIVE"}, False),
        (API.type, {}, False),
        ("google_firestore_database", FAILED, False),
    ],
)
def test_a_resource_without_its_address_is_never_imported(
    type: str, resource: dict[str, Any], incomplete: bool
) -> None:
    assert is_incomplete(type, resource) is incomplete


async def test_a_function_of_the_first_generation_stops_the_deployment(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """It was deleted: with the label, and without an address in the field of the second."""
    body = {"name": NAME, "environment": "GEN_1", "state": "ACTIVE", **OURS}
    google.control("PUT", "rules", [{"path": "/functions/", "status": 200, "body": body}])
    survey = await finder.find_existing("demo-proj", [FUNCTION])

    assert survey.imports == []
    assert [item.cause for item in survey.findings] == [Reason.ALREADY_EXISTS]
    assert deletions(google) == []


@pytest.mark.parametrize(
    ("rules", "causes"),
    [
        ("allow read: if mine();", []),
        ("match /a { allow read, write: if false; } // allow read: if true;", []),
        ("allow read: if request.auth != null;", [Reason.ALREADY_EXISTS]),
        ("allow read: if false; allow write;", [Reason.ALREADY_EXISTS]),
        ("allow read: if false || true;", [Reason.ALREADY_EXISTS]),
        ("/* allow read: if false; */ allow read: if\ntrue;", [Reason.ALREADY_EXISTS]),
        # The stack whose state was lost: the template of release 0.1.0 made these rules.
        (RULES_OF_RELEASE_0_1_0, []),
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
