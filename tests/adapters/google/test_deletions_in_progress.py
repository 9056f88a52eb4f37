"""A deletion that Google accepted is reported and logged in each end of the survey."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from deployments.errors import Unavailable
from deployments.imports import ImportSurvey, PlannedCreation
from deployments.reasons import Reason
from tests.support.servers import eventually
from tests.support.stand_in.serving import ServedStandIn, Token

FUNCTIONS = "/cloudfunctions/v2/projects/demo-proj/locations/us-central1/functions"
FUNCTION = PlannedCreation(
    "google_cloudfunctions2_function.f",
    "google_cloudfunctions2_function",
    {"location": "us-central1", "name": "anava-tvm-fn"},
)
API = PlannedCreation("google_api_gateway_api.a", "google_api_gateway_api", {"api_id": "anava-api"})
IN_PROGRESS = [Reason.RESOURCE_DELETED, Reason.CONCURRENT_CHANGE]


@pytest.fixture
def google(served: ServedStandIn, caplog: pytest.LogCaptureFixture) -> ServedStandIn:
    """A function of the state without an address, whose deletion takes long."""
    caplog.set_level(logging.INFO, "anava.google")
    served.reset()
    served.project(enabled=["apigateway.googleapis.com", "cloudfunctions.googleapis.com"])
    body: dict[str, object] = {"labels": {"app": "anava"}, "serviceConfig": {}}
    served.preload((f"{FUNCTIONS}?functionId=anava-tvm-fn", body))
    served.control("PUT", "settings", {"operation_seconds": 600})
    return served


async def survey_of(
    google: ServedStandIn, *unusable: PlannedCreation, seconds: float = 20
) -> ImportSurvey:
    api = GoogleApi(Token(google.token()), google.endpoint)
    try:
        return await GoogleImportFinder(api, seconds).delete_unusable("demo-proj", unusable)
    finally:
        await api.close()


def deletions(google: ServedStandIn) -> list[int]:
    return [item["status"] for item in google.asked() if item["method"] == "DELETE"]


def reports(survey: ImportSurvey) -> list[tuple[str, Reason]]:
    return [(item.resource, item.cause) for item in survey.findings]


def of_function() -> list[tuple[str, Reason]]:
    return [(FUNCTION.address, cause) for cause in IN_PROGRESS]


@pytest.mark.parametrize(
    "rules",
    [
        # Google is still deleting when the time of the survey is over.
        [],
        # The last read has no answer within the time.
        [{"path": "/functions/", "method": "GET", "nth": 2, "delay_seconds": 30}],
        # A read after the deletion is refused.
        [{"path": "/functions/", "method": "GET", "nth": 2, "failure": "permission_denied"}],
        # Google does not answer any more.
        [{"path": "/functions/", "method": "GET", "nth": 2, "failure": "unavailable"}],
    ],
    ids=["time", "silence", "refusal", "unavailable"],
)
async def test_an_accepted_deletion_is_a_note_and_a_finding(
    google: ServedStandIn, caplog: pytest.LogCaptureFixture, rules: list[dict[str, Any]]
) -> None:
    """The finding was "could not be deleted" or "did not answer", without a note and a log line."""
    if rules:
        google.control("PUT", "rules", rules)
    survey = await survey_of(google, FUNCTION, seconds=1.5 if not rules else 3)

    assert (deletions(google), survey.deleted) == ([200], [])
    assert reports(survey) == of_function()
    note, problem = survey.findings
    assert "anava-tvm-fn is being deleted" in note.message
    assert problem.message == "Google is still deleting this resource."
    assert problem.next_step == "Deploy again in a few minutes."
    assert [text for text in caplog.messages if "deletes" in text and "anava-tvm-fn" in text]


async def test_a_deletion_of_an_earlier_attempt_is_reported_at_the_end_of_the_time(
    google: ServedStandIn,
) -> None:
    google.preload((f"{FUNCTIONS}/anava-tvm-fn", {}), method="DELETE")
    google.control("PUT", "settings", {"operation_seconds": 600})
    body = {"name": "f", "state": "DELETING"}
    google.control("PUT", "rules", [{"path": "/functions/", "status": 200, "body": body}])
    survey = await survey_of(google, FUNCTION, seconds=0.6)

    assert reports(survey) == of_function()


async def test_an_outage_of_another_api_does_not_cancel_a_deletion(google: ServedStandIn) -> None:
    """The error cancelled the wait for the DELETE, and the repeated activity found nothing."""
    google.control("PUT", "rules", [{"path": "/apis/", "failure": "unavailable"}])
    survey = asyncio.create_task(survey_of(google, FUNCTION, API))
    await eventually(
        lambda: sum("/apis/" in item["path"] for item in google.asked()) == 3,
        "the last attempt at the other API",
    )
    google.control("PUT", "settings", {"skip_seconds": 600})
    ended = await survey

    assert (deletions(google), ended.deleted) == ([200], [FUNCTION.address])
    assert dict(reports(ended)) == {
        FUNCTION.address: Reason.RESOURCE_DELETED,
        API.address: Reason.GOOGLE_UNAVAILABLE,
    }


async def test_an_outage_without_a_deletion_is_an_error_that_the_activity_repeats(
    google: ServedStandIn,
) -> None:
    google.control("PUT", "rules", [{"path": "/apis/", "failure": "unavailable"}])
    with pytest.raises(Unavailable, match="apigateway"):
        await survey_of(google, API)


async def test_after_an_outage_no_other_search_begins(google: ServedStandIn) -> None:
    """More resources than concurrent calls: each would wait for three attempts."""
    google.control("PUT", "rules", [{"path": "/apis/", "failure": "unavailable"}])
    apis = [replace(API, address=f"google_api_gateway_api.a{number}") for number in range(12)]
    with pytest.raises(Unavailable, match="apigateway"):
        await survey_of(google, *apis, FUNCTION)

    assert sum("/apis/" in item["path"] for item in google.asked()) == 6 * 3
    assert deletions(google) == []


async def test_a_cancel_leaves_the_deletion_in_the_log(
    google: ServedStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    survey = asyncio.create_task(survey_of(google, FUNCTION))
    await eventually(
        lambda: any("deletes" in text for text in caplog.messages), "the accepted deletion"
    )
    survey.cancel()
    with pytest.raises(asyncio.CancelledError):
        await survey
    assert "anava-tvm-fn" in caplog.text


async def test_a_deletion_without_an_answer_is_in_the_log(
    google: ServedStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    rule = {"path": "/functions/", "method": "DELETE", "delay_seconds": 30}
    google.control("PUT", "rules", [rule])
    survey = await survey_of(google, FUNCTION, seconds=1)

    assert reports(survey) == [(FUNCTION.address, Reason.GOOGLE_UNAVAILABLE)]
    assert any(
        text.startswith("no answer to the deletion of projects/demo-proj/")
        for text in caplog.messages
    )
