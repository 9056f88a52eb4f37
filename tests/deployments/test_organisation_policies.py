"""Effective policies of an organisation: blocking where certain, else a warning."""

import pytest

from deployments.deployment import DeploymentRequest, Stack
from deployments.findings import Severity
from deployments.organisation_policies import CONSTRAINTS, policy_violations
from deployments.reasons import Reason

APIS = ("iam.googleapis.com", "run.googleapis.com", "storage.googleapis.com")
BLOCKING, WARNING = Severity.BLOCKING, Severity.WARNING
Rule = dict[str, object]


def allow(*values: str) -> Rule:
    return {"values": {"allowedValues": [*values]}}


def deny(*values: str) -> Rule:
    return {"values": {"deniedValues": [*values]}}


def violations(
    constraint: str,
    rules: list[Rule],
    region: str = "us-central1",
    storage: str = "US",
    firestore: str = "nam5",
) -> list[tuple[Severity, str]]:
    request = DeploymentRequest(
        Stack("anava", "demo-proj", "anava"),
        region,
        storage,
        f'{{"firestore_location": "{firestore}"}}',
    )
    findings = list(policy_violations(request, constraint, rules, APIS))
    assert {item.cause for item in findings} <= {Reason.POLICY_FORBIDS}
    return [
        (item.severity, item.message.partition("forbids: ")[2].rstrip(".")) for item in findings
    ]


LOCATIONS = "gcp.resourceLocations"
EUROPE = {"region": "europe-west1", "storage": "EU", "firestore": "eur3"}


@pytest.mark.parametrize(
    ("rules", "places", "expected"),
    [
        ([], {}, []),
        ([{"allowAll": True}], {}, []),
        ([{"denyAll": True}], {}, [(BLOCKING, "us-central1, US, nam5, global")]),
        # A group of a continent does not name the multi-regions of Firestore, and never `global`.
        ([allow("in:us-locations")], {}, [(BLOCKING, "global"), (WARNING, "nam5")]),
        ([allow("in:us-locations", "nam5", "global")], {}, []),
        ([allow("in:us-locations", "is:nam5", "is:global")], {}, []),
        ([allow("in:us-central1-locations", "US", "nam5", "global")], {}, []),
        ([allow("us-central1", "us", "NAM5", "global")], {}, []),
        ([allow("in:us-central1-locations", "nam5", "global")], {}, [(BLOCKING, "US")]),
        (
            [allow("in:europe-locations", "global")],
            {},
            [(BLOCKING, "us-central1, US, nam5")],
        ),
        ([allow("in:eu-locations", "eur3", "global")], EUROPE, []),
        (
            [allow("in:eu-locations", "eur3", "global")],
            {**EUROPE, "region": "europe-west2"},
            [(BLOCKING, "europe-west2")],
        ),
        # The members of a country's group are not known by name.
        (
            [allow("in:belgium-locations", "EU", "eur3", "global")],
            EUROPE,
            [(WARNING, "europe-west1")],
        ),
        ([deny("in:us-locations")], {}, [(BLOCKING, "us-central1, US"), (WARNING, "nam5")]),
        ([deny("in:asia-locations", "is:us-east1")], {}, []),
        ([deny("nam5")], {}, [(BLOCKING, "nam5")]),
        (
            [deny("in:eu-locations")],
            {**EUROPE, "region": "europe-west6"},
            [(BLOCKING, "EU"), (WARNING, "eur3")],
        ),
        # A denied value wins over an allowed one.
        (
            [allow("in:us-locations", "nam5", "global"), deny("us-central1")],
            {},
            [(BLOCKING, "us-central1")],
        ),
    ],
)
def test_locations(
    rules: list[Rule], places: dict[str, str], expected: list[tuple[Severity, str]]
) -> None:
    assert violations(LOCATIONS, rules, **places) == expected


ISSUER = "https://securetoken.google.com/demo-proj"


@pytest.mark.parametrize(
    ("constraint", "rules", "expected"),
    [
        (
            "iam.disableServiceAccountCreation",
            [{"enforce": True}],
            [(BLOCKING, "service accounts")],
        ),
        ("iam.disableServiceAccountCreation", [{"enforce": False}], []),
        ("iam.disableServiceAccountCreation", [], []),
        ("iam.workloadIdentityPoolProviders", [allow("https://a.example")], [(BLOCKING, ISSUER)]),
        ("iam.workloadIdentityPoolProviders", [allow(ISSUER)], []),
        ("iam.workloadIdentityPoolProviders", [allow(f"is:{ISSUER}")], []),
        ("iam.workloadIdentityPoolProviders", [deny(ISSUER)], [(BLOCKING, ISSUER)]),
        ("iam.workloadIdentityPoolProviders", [{"denyAll": True}], [(BLOCKING, ISSUER)]),
        (
            "iam.workloadIdentityPoolProviders",
            [allow("under:organizations/1")],
            [(WARNING, ISSUER)],
        ),
        ("gcp.restrictServiceUsage", [allow(*APIS)], []),
        (
            "gcp.restrictServiceUsage",
            [deny("run.googleapis.com")],
            [(BLOCKING, "run.googleapis.com")],
        ),
        (
            "gcp.restrictServiceUsage",
            [deny("is:iam.googleapis.com")],
            [(BLOCKING, "iam.googleapis.com")],
        ),
        # Whether the constraint restricts a service that its documents do not list is not known.
        (
            "gcp.restrictServiceUsage",
            [allow("compute.googleapis.com")],
            [
                (BLOCKING, "run.googleapis.com, storage.googleapis.com"),
                (WARNING, "iam.googleapis.com"),
            ],
        ),
        ("gcp.restrictServiceUsage", [deny("pubsub.googleapis.com")], []),
        (
            "gcp.restrictNonCmekServices",
            [deny("storage.googleapis.com", "bigquery.googleapis.com")],
            [(BLOCKING, "storage.googleapis.com without a key of the customer")],
        ),
        ("gcp.restrictNonCmekServices", [deny("is:bigquery.googleapis.com")], []),
        ("run.allowedIngress", [allow("all", "internal")], []),
        ("run.allowedIngress", [allow("is:all")], []),
        (
            "run.allowedIngress",
            [allow("internal", "internal-and-cloud-load-balancing")],
            [(BLOCKING, "functions that the gateway can call")],
        ),
        ("run.allowedIngress", [deny("all")], [(BLOCKING, "functions that the gateway can call")]),
        (
            "cloudfunctions.allowedIngressSettings",
            [allow("ALLOW_INTERNAL_ONLY")],
            [(WARNING, "functions that the gateway can call")],
        ),
        ("cloudfunctions.allowedIngressSettings", [allow("ALLOW_ALL")], []),
        (
            "iam.allowedPolicyMemberDomains",
            [allow("C03xgje4y")],
            [(WARNING, "roles for the devices' identity pool")],
        ),
        (
            "iam.allowedPolicyMemberDomains",
            [allow("is:C03xgje4y", "principalSet://iam.googleapis.com/organizations/12")],
            [],
        ),
        (
            "iam.allowedPolicyMemberDomains",
            [{"denyAll": True}],
            [(BLOCKING, "roles for the accounts of the stack")],
        ),
        ("iam.allowedPolicyMemberDomains", [{"allowAll": True}], []),
    ],
)
def test_other_constraints(
    constraint: str, rules: list[Rule], expected: list[tuple[Severity, str]]
) -> None:
    assert violations(constraint, rules) == expected


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize(
    "rule",
    [
        {"values": None},
        {"values": ["in:us-locations"]},
        {"values": {"allowedValues": "us"}},
        {"values": {"allowedValues": [], "deniedValues": None}},
        {"enforce": "yes"},
        {"denyAll": "no"},
        {"condition": {"expression": "true"}},
    ],
)
def test_a_rule_of_an_unknown_shape_forbids_nothing(constraint: str, rule: Rule) -> None:
    assert violations(constraint, [rule]) == []


@pytest.mark.parametrize("entry", ["", "in:", "in:-locations", "in:.*-locations", "(", "under:"])
def test_a_hostile_entry_is_no_pattern(entry: str) -> None:
    findings = violations(LOCATIONS, [allow(entry, "us-central1", "US", "nam5", "global")])
    assert findings == []
