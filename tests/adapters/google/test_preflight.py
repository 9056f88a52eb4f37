"""Preflight against a stateful stand-in for Google: with one thing missing exactly that finding."""

import json

import pytest

from adapters.google.api import GoogleApi
from adapters.google.preflight import GooglePreflight, read_requirements
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import Unavailable
from deployments.findings import Effect, Finding, Severity
from deployments.organisation_policies import CONSTRAINTS
from deployments.permissions import OF_BUCKET_POLICY
from deployments.preflight import blocking
from deployments.reasons import Reason
from google_stand_in.answers import error_info, refusal
from tests.support.servers import ROOT, free_port
from tests.support.stand_in.serving import ServedStandIn, Token

NEEDED = read_requirements(ROOT / "terraform", "anava")
REQUEST = DeploymentRequest(Stack("anava", "demo-proj", "anava"), "us-central1", "US")
# Permissions that the lists of existing resources and the policies need besides.
LOOKING = [
    "orgpolicy.policy.get",
    "iam.serviceAccounts.list",
    "iam.workloadIdentityPools.list",
    "secretmanager.secrets.list",
    "apikeys.keys.list",
    "cloudfunctions.functions.list",
    "apigateway.apis.list",
    "apigateway.gateways.list",
    "datastore.databases.list",
    "serviceusage.quotas.get",
    "storage.buckets.list",
]
ALL = [*NEEDED.all_permissions, *LOOKING]


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    """All is well: billing, every permission, every API."""
    served.reset()
    served.project(enabled=[*NEEDED.apis])
    return served


async def check(
    google: ServedStandIn,
    permissions: list[str] | None = None,
    request: DeploymentRequest = REQUEST,
    token: str = "",
) -> list[Finding]:
    source = Token(token or google.token(ALL if permissions is None else permissions))
    api = GoogleApi(source, google.endpoint)
    try:
        findings = await GooglePreflight(api, ROOT / "terraform").check(request)
    finally:
        await api.close()
    for item in findings:
        # Nothing repeats a check: what blocks is fatal, everything else harmless.
        is_fatal = item.severity is Severity.BLOCKING
        assert item.effect is (Effect.FATAL if is_fatal else Effect.HARMLESS)
    return findings


async def test_a_project_with_all_that_is_needed_has_no_finding(google: ServedStandIn) -> None:
    assert await check(google) == []


async def test_a_missing_permission_is_found_alone(google: ServedStandIn) -> None:
    source = Token("")
    api = GoogleApi(source, google.endpoint)
    preflight = GooglePreflight(api, ROOT / "terraform")
    for permission in NEEDED.all_permissions:
        source.value = google.token([a_l_l for a_l_l in ALL if a_l_l != permission])
        findings = await preflight.check(REQUEST)

        first_deployment = permission in NEEDED.permissions and permission not in OF_BUCKET_POLICY
        severity = Severity.BLOCKING if first_deployment else Severity.WARNING
        seen = [(item.cause, item.severity, item.resource) for item in findings]
        assert seen == [(Reason.PERMISSION_DENIED, severity, permission)]
        assert f"The permission {permission} is missing in demo-proj." in findings[0].message
        assert findings[0].fix.endswith("/iam?project=demo-proj")
    await api.close()


async def test_an_api_that_is_off_is_found_alone_and_blocks_nothing(google: ServedStandIn) -> None:
    api = GoogleApi(Token(google.token(ALL)), google.endpoint)
    preflight = GooglePreflight(api, ROOT / "terraform")
    for off in NEEDED.apis:
        google.project(enabled=[entry for entry in NEEDED.apis if entry != off])
        found = await preflight.check(REQUEST)

        seen = [(item.cause, item.severity, item.resource) for item in found]
        assert seen == [(Reason.API_DISABLED, Severity.NOTE, off)]
        assert found[0].fix == f"gcloud services enable {off} --project demo-proj"
        assert blocking(found) is None
    await api.close()


async def test_a_project_without_billing_is_found_alone(google: ServedStandIn) -> None:
    google.project(billing=False)
    (found,) = await check(google)

    assert (found.cause, found.severity) == (Reason.BILLING_DISABLED, Severity.BLOCKING)
    assert found.fix.endswith("/linkedaccount?project=demo-proj")


@pytest.mark.parametrize(
    ("constraint", "rules", "said"),
    [
        ("iam.disableServiceAccountCreation", [{"enforce": True}], "service accounts"),
        (
            "gcp.resourceLocations",
            [{"values": {"allowedValues": ["in:europe-locations"]}}],
            "us-central1, US, nam5, global",
        ),
        (
            "iam.workloadIdentityPoolProviders",
            [{"values": {"allowedValues": ["https://accounts.example.com"]}}],
            "https://securetoken.google.com/demo-proj",
        ),
        (
            "gcp.restrictServiceUsage",
            [{"values": {"deniedValues": ["run.googleapis.com"]}}],
            "run.googleapis.com",
        ),
    ],
)
async def test_a_policy_that_will_refuse_is_found_alone(
    google: ServedStandIn, constraint: str, rules: list[object], said: str
) -> None:
    google.project(org_policies={constraint: {"rules": rules}})
    (found,) = await check(google)

    assert (found.cause, found.severity) == (Reason.POLICY_FORBIDS, Severity.BLOCKING)
    assert found.resource == f"constraints/{constraint}"
    assert found.message.endswith(f"forbids: {said}.")


@pytest.mark.parametrize(
    ("constraint", "rules"),
    [
        ("iam.disableServiceAccountCreation", [{"enforce": False}]),
        (
            "gcp.resourceLocations",
            [{"values": {"allowedValues": ["in:us-locations", "nam5", "global"]}}],
        ),
        ("gcp.restrictServiceUsage", [{"values": {"allowedValues": [*NEEDED.apis]}}]),
    ],
)
async def test_a_policy_that_lets_the_stack_be_is_no_finding(
    google: ServedStandIn, constraint: str, rules: list[object]
) -> None:
    google.project(org_policies={constraint: {"rules": rules}})
    assert await check(google) == []


async def test_policies_that_may_not_be_read_are_a_note(google: ServedStandIn) -> None:
    (found,) = await check(google, [a_l_l for a_l_l in ALL if a_l_l != "orgpolicy.policy.get"])
    assert (found.cause, found.severity) == (Reason.NOT_CHECKED, Severity.NOTE)
    assert all(constraint in found.message for constraint in CONSTRAINTS)


FORBIDDEN = {"iam.disableServiceAccountCreation": {"rules": [{"enforce": True}]}}


@pytest.mark.parametrize("failure", ["permission_denied", "unavailable"])
async def test_a_violation_is_reported_although_the_next_policy_is_not_readable(
    google: ServedStandIn, failure: str
) -> None:
    """A refusal dropped the violations that were found before."""
    google.project(org_policies=FORBIDDEN)
    google.control("PUT", "rules", [{"path": "resourceLocations", "failure": failure}])
    violation, unchecked = await check(google)

    assert (violation.cause, violation.severity) == (Reason.POLICY_FORBIDS, Severity.BLOCKING)
    assert (unchecked.cause, unchecked.severity) == (Reason.NOT_CHECKED, Severity.NOTE)
    assert "gcp.resourceLocations" in unchecked.message
    # A refusal concerns a single policy; a service without an answer is not called again.
    assert ("run.allowedIngress" in unchecked.message) is (failure == "unavailable")


async def test_policies_without_an_answer_and_without_a_violation_are_an_error(
    google: ServedStandIn,
) -> None:
    google.control("PUT", "rules", [{"path": "getEffectivePolicy", "failure": "unavailable"}])
    with pytest.raises(Unavailable, match="orgpolicy"):
        await check(google)


@pytest.mark.parametrize("later", ["permission_denied", "unavailable"])
async def test_a_later_failure_does_not_hide_that_an_api_is_disabled(
    google: ServedStandIn, later: str
) -> None:
    """The later failure was reported as a policy that could not be checked, or as an outage."""
    disabled = refusal(
        403,
        "Organization Policy API has not been used in project demo-proj before or it is disabled.",
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            {"consumer": "projects/demo-proj", "service": "orgpolicy.googleapis.com"},
        ),
    ).answer.content
    path = "getEffectivePolicy"
    google.control(
        "PUT",
        "rules",
        [
            # Both requests, with the customer's project and without.
            {"path": path, "times": 2, "status": 403, "body": disabled},
            {"path": path, "nth": 3, "failure": later},
        ],
    )
    causes = [item.cause for item in await check(google)]

    assert causes == [Reason.API_DISABLED]
    assert sum(path in item["path"] for item in google.asked()) == 2


async def test_a_later_outage_does_not_hide_a_refused_policy(google: ServedStandIn) -> None:
    """The outage made the check an error, although a finding named the cause."""
    rules = [
        {"path": f"{CONSTRAINTS[0]}:", "failure": "permission_denied"},
        {"path": f"{CONSTRAINTS[1]}:", "failure": "unavailable"},
    ]
    google.control("PUT", "rules", rules)
    (problem,) = await check(google)

    assert (problem.cause, problem.severity) == (Reason.NOT_CHECKED, Severity.NOTE)
    assert all(constraint in problem.message for constraint in CONSTRAINTS)


async def test_a_region_without_api_gateway_is_found_alone(google: ServedStandIn) -> None:
    request = DeploymentRequest(REQUEST.stack, "asia-east1", "US")
    (found,) = await check(google, request=request)

    # The gateway stands in the nearest region then.
    assert (found.cause, found.severity) == (Reason.LOCATION_MISMATCH, Severity.WARNING)
    assert "us-central1" in found.message


_SUSPENDED = refusal(
    403,
    "Permission denied: Consumer 'project:demo-proj' has been suspended.",
    error_info("CONSUMER_SUSPENDED", "googleapis.com", {"consumer": "projects/demo-proj"}),
).answer.content


# In terraform this cause leads to another try.
_WITHOUT_BILLING = refusal(
    403, "The billing account is disabled.", error_info("BILLING_DISABLED", "googleapis.com", {})
).answer.content


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"failure": "perimeter"}, Reason.PERIMETER_FORBIDS),
        ({"status": 403, "body": _SUSPENDED}, Reason.PROJECT_SUSPENDED),
        ({"status": 403, "body": _WITHOUT_BILLING}, Reason.BILLING_DISABLED),
    ],
)
async def test_a_refused_project_has_the_cause_of_the_refusal(
    google: ServedStandIn, rule: dict[str, object], reason: Reason
) -> None:
    """Each was "The project does not exist, or your account has no access to it."."""
    google.control("PUT", "rules", [{"path": ":testIamPermissions", **rule}])
    (found,) = await check(google)
    assert (found.cause, found.severity) == (reason, Severity.BLOCKING)


@pytest.mark.parametrize("project", ["no-such-project", "../../v1/projects", "a b?x=1#"])
async def test_a_project_that_is_not_there_is_found_alone(
    google: ServedStandIn, project: str
) -> None:
    request = DeploymentRequest(Stack("anava", project, "anava"), "us-central1", "US")
    (found,) = await check(google, request=request)

    assert (found.cause, found.severity) == (Reason.PROJECT_NOT_FOUND, Severity.BLOCKING)


async def test_a_project_that_is_being_deleted_is_found(google: ServedStandIn) -> None:
    google.project(state="DELETE_REQUESTED")
    assert Reason.PROJECT_INACTIVE in [item.cause for item in await check(google)]


async def test_an_expired_sign_in_is_found_alone(google: ServedStandIn) -> None:
    (found,) = await check(google, token="ya29.expired")  # noqa: S106 - none that works
    assert (found.cause, found.severity) == (Reason.SIGN_IN_EXPIRED, Severity.BLOCKING)


async def test_what_exists_under_the_prefix_is_noted_and_nothing_else(
    google: ServedStandIn,
) -> None:
    google.preload(
        ("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": "anava-tvm-sa"}),
        ("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": "anavalike-sa"}),
        ("/secretmanager/v1/projects/demo-proj/secrets?secretId=anava-key", {}),
        ("/secretmanager/v1/projects/demo-proj/secrets?secretId=other-anava-key", {}),
        (
            "/storage/v1/b?project=demo-proj",
            {"name": "demo-proj-anava-functions", "location": "US"},
        ),
    )
    found = await check(google)

    assert {item.resource for item in found} == {
        "anava-tvm-sa",
        "anava-key",
        "demo-proj-anava-functions",
    }
    assert {(entry.cause, entry.severity) for entry in found} == {
        (Reason.ALREADY_EXISTS, Severity.NOTE)
    }


async def test_a_bucket_that_lies_elsewhere_blocks(google: ServedStandIn) -> None:
    bucket = {"name": "demo-proj-anava-functions", "location": "EU"}
    google.preload(("/storage/v1/b?project=demo-proj", bucket))
    (found,) = await check(google)

    assert (found.cause, found.severity) == (Reason.LOCATION_MISMATCH, Severity.BLOCKING)
    assert found.fix == "anava deploy --storage-location EU"


@pytest.mark.parametrize(("region", "is_limited"), [("us-east1", True), ("us-central1", False)])
async def test_a_region_in_which_new_projects_may_not_build_is_a_warning(
    google: ServedStandIn, region: str, is_limited: bool
) -> None:
    findings = await check(google, request=DeploymentRequest(REQUEST.stack, region, "US"))

    expected = [(Reason.LOCATION_MISMATCH, Severity.WARNING, region)] if is_limited else []
    assert [(item.cause, item.severity, item.resource) for item in findings] == expected


async def test_a_region_in_which_the_stack_has_been_built_is_no_warning(
    google: ServedStandIn,
) -> None:
    path = "/cloudfunctions/v2/projects/demo-proj/locations/us-east1/functions"
    google.preload((f"{path}?functionId=anava-tvm-fn", {}))
    findings = await check(google, request=DeploymentRequest(REQUEST.stack, "us-east1", "US"))

    assert [item.cause for item in findings] == [Reason.ALREADY_EXISTS]


@pytest.mark.parametrize(
    ("stage", "severity"),
    [("DECOMMISSIONED", Severity.BLOCKING), ("DEPRECATED", Severity.WARNING), ("GA", None)],
)
async def test_a_runtime_that_google_retired_is_found_alone(
    google: ServedStandIn, stage: str, severity: Severity | None
) -> None:
    runtimes = [
        {"name": "python312", "stage": stage, "environment": "GEN_2"},
        # The stage in the other generation says nothing.
        {"name": "python312", "stage": "DECOMMISSIONED", "environment": "GEN_1"},
    ]
    rule = {"path": "/runtimes", "status": 200, "body": {"runtimes": runtimes}}
    google.control("PUT", "rules", [rule])
    findings = await check(google)

    expected = [(severity, "python312")] if severity else []
    assert [(item.severity, item.resource) for item in findings] == expected


@pytest.mark.parametrize(
    "body", [{}, {"runtimes": None}, {"runtimes": [{}, {"name": 1, "environment": "GEN_2"}]}]
)
async def test_an_unknown_list_of_runtimes_is_no_finding(
    google: ServedStandIn, body: dict[str, object]
) -> None:
    google.control("PUT", "rules", [{"path": "/runtimes", "status": 200, "body": body}])
    assert await check(google) == []


def quota(limit: object) -> dict[str, object]:
    metric = "iam.googleapis.com/quota/service-account-count"
    limits = [{"quotaBuckets": [{"effectiveLimit": limit}]}]
    body = {"metrics": [{"metric": metric, "consumerQuotaLimits": limits}]}
    return {"path": "consumerQuotaMetrics", "status": 200, "body": body}


@pytest.mark.parametrize(("limit", "is_used_up"), [("6", False), ("5", True), ("0", True)])
async def test_a_quota_that_lacks_accounts_for_the_stack_is_found(
    google: ServedStandIn, limit: str, is_used_up: bool
) -> None:
    """The project has two accounts, of which the first is the stack's; the stack has five."""
    for account in ("anava-tvm-sa", "other-account"):
        google.preload(
            ("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": account}),
        )
    google.control("PUT", "rules", [quota(limit)])
    findings = [item for item in await check(google) if item.severity is Severity.BLOCKING]

    assert [item.cause for item in findings] == [Reason.QUOTA_EXCEEDED] * is_used_up
    if is_used_up:
        assert findings[0].message == (
            f"The stack needs 4 more service accounts, and demo-proj has 2 of at most {limit}."
        )


@pytest.mark.parametrize("limit", ["-1", "many", None, "", "1e3"])
async def test_a_quota_without_a_limit_is_no_finding(google: ServedStandIn, limit: object) -> None:
    google.control("PUT", "rules", [quota(limit)])
    assert await check(google) == []


@pytest.mark.parametrize(
    ("database_id", "type", "expected"),
    [
        ("(default)", "DATASTORE_MODE", (Reason.DATASTORE_MODE, Severity.BLOCKING)),
        ("(default)", "FIRESTORE_NATIVE", (Reason.ALREADY_EXISTS, Severity.NOTE)),
    ],
)
async def test_a_database_in_datastore_mode_blocks(
    google: ServedStandIn, database_id: str, type: str, expected: tuple[Reason, Severity]
) -> None:
    path = f"/firestore/v1/projects/demo-proj/databases?databaseId={database_id}"
    google.preload((path, {"type": type, "locationId": "nam5"}))
    variables = json.dumps({"firestore_database_id": database_id})
    request = DeploymentRequest(REQUEST.stack, "us-central1", "US", variables)
    (found,) = await check(google, request=request)

    assert ((found.cause, found.severity), found.resource) == (expected, database_id)
    # The stack of another database does not use it.
    assert await check(google) == []


async def test_a_database_that_lies_elsewhere_is_a_warning(google: ServedStandIn) -> None:
    path = "/firestore/v1/projects/demo-proj/databases?databaseId=anava"
    google.preload((path, {"type": "FIRESTORE_NATIVE", "locationId": "eur3"}))
    (found,) = await check(google)

    assert (found.cause, found.severity) == (Reason.LOCATION_MISMATCH, Severity.WARNING)
    assert found.fix == "anava deploy --var firestore_location=eur3"


async def test_a_google_that_is_down_for_a_moment_is_asked_again(google: ServedStandIn) -> None:
    rules = [{"path": "testIamPermissions", "failure": "unavailable", "times": 2}]
    google.control("PUT", "rules", rules)
    assert await check(google) == []


async def test_a_google_that_stays_down_is_no_finding_but_an_error(google: ServedStandIn) -> None:
    google.control("PUT", "rules", [{"path": "billingInfo", "failure": "unavailable"}])
    with pytest.raises(Unavailable, match="cloudbilling"):
        await check(google)


async def test_nobody_at_the_address_is_unavailable() -> None:
    api = GoogleApi(Token("t"), f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        await GooglePreflight(api, ROOT / "terraform").check(REQUEST)
    await api.close()


async def test_the_projects_of_the_person_are_listed(google: ServedStandIn) -> None:
    google.control("POST", "project", {"project_id": "other-proj", "number": "42", "name": "B"})
    google.control(
        "POST", "project", {"project_id": "gone", "number": "43", "state": "DELETE_REQUESTED"}
    )
    api = GoogleApi(Token(google.token()), google.endpoint)
    found = await GooglePreflight(api, ROOT / "terraform").projects()
    await api.close()

    assert [(item.project_id, item.number) for item in found] == [
        ("demo-proj", "123456789012"),
        ("other-proj", "42"),
    ]


async def test_the_token_goes_nowhere_but_into_the_header(google: ServedStandIn) -> None:
    token = google.token(ALL)
    await check(google, token=token)

    asked = google.asked()
    assert asked
    assert all(token not in item["path"] for item in asked)
