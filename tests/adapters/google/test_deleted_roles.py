"""A deleted custom role comes back for 7 days; afterwards the stack needs another role id."""

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from deployments.findings import Effect
from deployments.imports import Import, ImportSurvey, PlannedCreation
from deployments.reasons import Reason
from google_stand_in.answers import refusal
from tests.support.stand_in.serving import ServedStandIn, Token

NAME = "projects/demo-proj/roles/anava_device"
ROLE = PlannedCreation(
    "google_project_iam_custom_role.device",
    "google_project_iam_custom_role",
    {"role_id": "anava_device"},
)
DAY = 24 * 3600


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    """A project with a deleted role."""
    served.reset()
    served.project(enabled=["iam.googleapis.com"])
    roles = "/iam/v1/projects/demo-proj/roles"
    served.preload((roles, {"roleId": "anava_device", "role": {"title": "Device"}}))
    served.preload((f"{roles}/anava_device", {}), method="DELETE")
    return served


async def survey_of(google: ServedStandIn) -> ImportSurvey:
    api = GoogleApi(Token(google.token()), google.endpoint)
    try:
        return await GoogleImportFinder(api).find_existing("demo-proj", [ROLE])
    finally:
        await api.close()


async def test_a_role_deleted_six_days_ago_comes_back(google: ServedStandIn) -> None:
    google.control("PUT", "settings", {"skip_seconds": 6 * DAY})
    survey = await survey_of(google)
    assert (survey.imports, survey.findings) == ([Import(ROLE.address, NAME)], [])


async def test_a_role_deleted_eight_days_ago_needs_another_suffix(google: ServedStandIn) -> None:
    """The refusal was `preflight_failed`, without a next step that helps."""
    google.control("PUT", "settings", {"skip_seconds": 8 * DAY})
    survey = await survey_of(google)

    (problem,) = survey.findings
    assert (survey.imports, problem.cause) == ([], Reason.ALREADY_EXISTS)
    assert (problem.resource, problem.effect) == (ROLE.address, Effect.FATAL)
    assert "role_suffix" in problem.next_step
    assert "37 days" in problem.message


@pytest.mark.parametrize(
    ("status", "message", "cause"),
    [
        (404, "", Reason.ALREADY_EXISTS),
        (400, "\x00" * 100, Reason.ALREADY_EXISTS),
        (403, "Permission 'iam.roles.undelete' denied.", Reason.PERMISSION_DENIED),
    ],
    ids=["not_found", "control_characters", "permission"],
)
async def test_each_refusal_of_an_undelete_has_its_cause(
    google: ServedStandIn, status: int, message: str, cause: Reason
) -> None:
    body = refusal(status, message).answer.content
    rule = {"path": ":undelete", "method": "POST", "status": status, "body": body}
    google.control("PUT", "rules", [rule])
    (problem,) = (await survey_of(google)).findings
    assert problem.cause is cause
