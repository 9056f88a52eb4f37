"""Requests count against the customer's project; an API that is off elsewhere proves nothing."""

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.google.api import GoogleApi, RefusedByGoogle
from adapters.google.imports import GoogleImportFinder
from adapters.google.preflight import GooglePreflight, read_requirements
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import Audience
from deployments.findings import Severity
from deployments.imports import PlannedCreation
from deployments.preflight import blocking
from deployments.reasons import Reason
from tests.support.servers import ROOT
from tests.support.stand_in.consumers import WORKER_NUMBER, Consumers, consumers
from tests.support.stand_in.serving import Token

NEEDED = read_requirements(ROOT / "terraform", "anava")
REQUEST = DeploymentRequest(Stack("anava", "demo-proj", "anava"), "us-central1", "US")
ABOUT_PROJECTS = {
    f"{name}.googleapis.com"
    for name in ("cloudbilling", "cloudresourcemanager", "orgpolicy", "serviceusage")
}
WEB_APP = PlannedCreation(
    "google_firebase_web_app.this", "google_firebase_web_app", {"display_name": "Anava"}
)
RULES = {"files": [{"name": "firestore.rules", "content": "service cloud.firestore {}"}]}
RULESET = PlannedCreation(
    "google_firebaserules_ruleset.r",
    "google_firebaserules_ruleset",
    {"source": [{"files": RULES["files"]}]},
)
RELEASE = PlannedCreation(
    "google_firebaserules_release.r", "google_firebaserules_release", {"name": "cloud.firestore"}
)
SECRET = PlannedCreation(
    "google_secret_manager_secret.s", "google_secret_manager_secret", {"secret_id": "anava-key"}
)
BUCKET = PlannedCreation(
    "google_storage_bucket.b",
    "google_storage_bucket",
    {"name": "demo-proj-anava-firebase", "location": "US"},
)


@pytest.fixture(scope="module")
def served() -> Iterator[Consumers]:
    with consumers() as server:
        yield server


@pytest.fixture
def google(served: Consumers) -> Consumers:
    """All APIs are on in the customer's project, none in the credential's own."""
    served.stand_in.control.answer("POST", "/_control/reset", b"{}")
    served.worker_apis, served.may_use_project, served.untestable = set(), True, set()
    enable(served, {*NEEDED.apis} | ABOUT_PROJECTS)
    served.requests.clear()
    return served


def enable(google: Consumers, apis: set[str]) -> None:
    google.stand_in.control.world.project("demo-proj").enabled = dict.fromkeys(apis, 0.0)


@pytest.fixture
async def api(google: Consumers) -> AsyncIterator[GoogleApi]:
    client = GoogleApi(Token(google.token()), google.endpoint)
    yield client
    await client.close()


async def check(api: GoogleApi) -> list[tuple[Reason, Severity, str]]:
    findings = await GooglePreflight(api, ROOT / "terraform").check(REQUEST)
    return [(item.cause, item.severity, item.resource) for item in findings]


async def test_every_request_of_preflight_names_the_customers_project(
    google: Consumers, api: GoogleApi
) -> None:
    assert await check(api) == []
    assert {quota_project for quota_project, _ in google.requests} == {"demo-proj"}


async def test_a_new_project_without_any_api_is_checked_through_the_services_own(
    google: Consumers, api: GoogleApi
) -> None:
    enable(google, set())
    google.worker_apis = set(ABOUT_PROJECTS)
    findings = await check(api)

    # A note that the deployment enables it, for each API, and nothing else.
    assert findings == [(Reason.API_DISABLED, Severity.NOTE, name) for name in NEEDED.apis]


async def test_who_may_not_use_the_projects_quota_is_checked_without(
    google: Consumers, api: GoogleApi
) -> None:
    google.may_use_project = False
    google.worker_apis = {*NEEDED.apis} | ABOUT_PROJECTS
    assert await check(api) == []
    assert {quota_project for quota_project, _ in google.requests} == {"demo-proj", ""}


async def test_an_api_that_is_off_in_both_projects_is_named_with_the_customers(
    google: Consumers, api: GoogleApi
) -> None:
    enable(google, set())
    (found,) = await GooglePreflight(api, ROOT / "terraform").check(REQUEST)

    assert (found.cause, found.severity) == (Reason.API_DISABLED, Severity.BLOCKING)
    assert found.message == "cloudresourcemanager.googleapis.com is disabled in demo-proj."
    assert found.fix.endswith("cloudresourcemanager.googleapis.com --project demo-proj")


async def test_an_api_that_is_off_in_the_services_own_project_is_named_with_it(
    google: Consumers, api: GoogleApi
) -> None:
    google.may_use_project = False
    (found,) = await GooglePreflight(api, ROOT / "terraform").check(REQUEST)

    assert (found.cause, found.audience) == (Reason.API_DISABLED, Audience.OPERATOR)
    assert f"disabled in {WORKER_NUMBER}, the project of the service's own sign-in" in (
        found.message
    )
    assert "demo-proj could not be checked" in found.message


@pytest.mark.parametrize("creations", [[WEB_APP], [SECRET], [BUCKET], [RULESET, RELEASE]])
async def test_an_api_that_is_off_in_the_services_own_project_hides_no_resource(
    google: Consumers, api: GoogleApi, creations: list[PlannedCreation]
) -> None:
    """Read as absent, a redeploy would make a second web app and second rulesets."""
    google.may_use_project = False
    google.worker_apis = set(ABOUT_PROJECTS)
    survey = await GoogleImportFinder(api).find_existing("demo-proj", creations)

    assert survey.imports == []
    assert blocking(survey.findings) is Reason.API_DISABLED
    assert WORKER_NUMBER in survey.findings[0].message


@pytest.mark.parametrize("creations", [[WEB_APP], [SECRET], [BUCKET], [RULESET, RELEASE]])
async def test_an_api_that_is_off_in_the_customers_project_has_no_resource(
    google: Consumers, api: GoogleApi, creations: list[PlannedCreation]
) -> None:
    enable(google, set())
    google.worker_apis = {*NEEDED.apis} | ABOUT_PROJECTS
    survey = await GoogleImportFinder(api).find_existing("demo-proj", creations)

    assert (survey.imports, survey.findings) == ([], [])


async def test_a_web_app_is_found_though_the_services_own_project_has_no_api(
    google: Consumers, api: GoogleApi
) -> None:
    customer = api.of_project("demo-proj")
    await customer.post("firebase", "v1beta1/projects/demo-proj:addFirebase", {})
    await customer.post("firebase", "v1beta1/projects/demo-proj/webApps", {"displayName": "Anava"})
    survey = await GoogleImportFinder(api).find_existing("demo-proj", [WEB_APP])

    assert [item.address for item in survey.imports] == [WEB_APP.address]
    assert survey.findings == []


@pytest.mark.parametrize("project", ["a\r\nX-Evil: 1", "a b", "", "p" * 101, "prøject"])
async def test_a_hostile_project_is_never_a_header(
    google: Consumers, api: GoogleApi, project: str
) -> None:
    google.worker_apis = set(ABOUT_PROJECTS)
    with pytest.raises(RefusedByGoogle):
        await api.of_project(project).get("cloudresourcemanager", "v3/projects/nowhere")

    assert [quota_project for quota_project, _ in google.requests] == [""]
