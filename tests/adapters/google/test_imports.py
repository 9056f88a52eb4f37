"""What exists in the project is found, brought back where it was deleted, or refused."""

from collections.abc import AsyncIterator

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from deployments.findings import Effect, Severity
from deployments.imports import Import, PlannedCreation
from deployments.reasons import Reason
from google_stand_in.answers import error_info, refusal
from tests.support.stand_in.serving import ServedStandIn, Token

POOLS = "/iam/v1/projects/demo-proj/locations/global/workloadIdentityPools"
POOL = "projects/demo-proj/locations/global/workloadIdentityPools/devices-anava"
RULES = "rules_version = '2'; service cloud.firestore {}"
APIS = [
    f"{item}.googleapis.com"
    for item in (
        "apigateway",
        "apikeys",
        "cloudfunctions",
        "firebase",
        "firebaserules",
        "firebasestorage",
        "firestore",
        "iam",
        "identitytoolkit",
        "secretmanager",
        "storage",
    )
]


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    served.reset()
    served.project(enabled=APIS)
    return served


@pytest.fixture
async def finder(google: ServedStandIn) -> AsyncIterator[GoogleImportFinder]:
    api = GoogleApi(Token(google.token()), google.endpoint)
    yield GoogleImportFinder(api)
    await api.close()


ACCOUNT = PlannedCreation(
    "google_service_account.a", "google_service_account", {"account_id": "anava-sa"}
)
BUCKET = PlannedCreation(
    "google_storage_bucket.b",
    "google_storage_bucket",
    {"name": "demo-proj-anava-functions", "location": "US"},
)
DEVICES = PlannedCreation(
    "google_iam_workload_identity_pool.p",
    "google_iam_workload_identity_pool",
    {"workload_identity_pool_id": "devices-anava"},
)
PROVIDER = PlannedCreation(
    "google_iam_workload_identity_pool_provider.f",
    "google_iam_workload_identity_pool_provider",
    {
        "workload_identity_pool_id": "devices-anava",
        "workload_identity_pool_provider_id": "firebase",
    },
)
KEY = PlannedCreation("google_apikeys_key.k", "google_apikeys_key", {"name": "anava-key"})
DATABASE = PlannedCreation(
    "google_firestore_database.d",
    "google_firestore_database",
    {"name": "anava", "location_id": "nam5"},
)
APP = PlannedCreation(
    "google_firebase_web_app.w", "google_firebase_web_app", {"display_name": "Devices"}
)
SECRET = PlannedCreation(
    "google_secret_manager_secret.s", "google_secret_manager_secret", {"secret_id": "anava-s"}
)
RULESET = PlannedCreation(
    "google_firebaserules_ruleset.r",
    "google_firebaserules_ruleset",
    {"source": [{"files": [{"name": "firestore.rules", "content": RULES}]}]},
)
RELEASE = PlannedCreation(
    "google_firebaserules_release.l", "google_firebaserules_release", {"name": "cloud.firestore"}
)
ALL = [ACCOUNT, BUCKET, DEVICES, PROVIDER, KEY, DATABASE, APP, SECRET, RULESET, RELEASE]


def make(google: ServedStandIn, *what: tuple[str, dict[str, object]]) -> None:
    google.preload(*what)


async def test_an_empty_project_has_nothing_to_import(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    survey = await finder.find_existing("demo-proj", ALL)
    assert (survey.imports, survey.findings) == ([], [])


async def test_only_what_exists_is_imported(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """An import block of a missing object fails the whole plan (measured)."""
    make(
        google,
        ("/iam/v1/projects/demo-proj/serviceAccounts", {"accountId": "anava-sa"}),
        ("/secretmanager/v1/projects/demo-proj/secrets?secretId=anava-s", {}),
    )
    survey = await finder.find_existing("demo-proj", ALL)

    assert survey.findings == []
    assert set(survey.imports) == {
        Import(
            ACCOUNT.address,
            "projects/demo-proj/serviceAccounts/anava-sa@demo-proj.iam.gserviceaccount.com",
        ),
        Import(SECRET.address, "projects/demo-proj/secrets/anava-s"),
    }


async def test_our_own_bucket_is_imported(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    bucket: dict[str, object] = {"name": "demo-proj-anava-functions", "location": "US"}
    make(google, ("/storage/v1/b?project=demo-proj", bucket))

    survey = await finder.find_existing("demo-proj", [BUCKET])
    assert survey.imports == [Import(BUCKET.address, "demo-proj/demo-proj-anava-functions")]


async def test_somebody_elses_bucket_is_refused(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    google.control("POST", "project", {"project_id": "other-proj", "number": "42"})
    make(google, ("/storage/v1/b?project=other-proj", {"name": "demo-proj-anava-functions"}))
    survey = await finder.find_existing("demo-proj", [BUCKET])

    assert survey.imports == []
    assert [(finding.cause, finding.resource) for finding in survey.findings] == [
        (Reason.NAME_TAKEN, BUCKET.address)
    ]


async def test_a_bucket_that_may_not_even_be_seen_is_somebody_elses(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    rule = {"path": "/b/demo-proj-anava-functions", "failure": "permission_denied_storage"}
    google.control("PUT", "rules", [rule])
    survey = await finder.find_existing("demo-proj", [BUCKET])
    assert [finding.cause for finding in survey.findings] == [Reason.NAME_TAKEN]


@pytest.mark.parametrize(
    ("creation", "call"),
    [
        (
            BUCKET,
            (
                "/storage/v1/b?project=demo-proj",
                {"name": "demo-proj-anava-functions", "location": "EU"},
            ),
        ),
        (
            DATABASE,
            (
                "/firestore/v1/projects/demo-proj/databases?databaseId=anava",
                {"locationId": "eur3", "type": "FIRESTORE_NATIVE"},
            ),
        ),
    ],
)
async def test_what_lies_elsewhere_is_never_imported(
    google: ServedStandIn,
    finder: GoogleImportFinder,
    creation: PlannedCreation,
    call: tuple[str, dict[str, object]],
) -> None:
    """Terraform would destroy it, with all the customer's data, and make it anew elsewhere."""
    make(google, call)
    survey = await finder.find_existing("demo-proj", [creation])

    assert survey.imports == []
    assert [finding.cause for finding in survey.findings] == [Reason.LOCATION_MISMATCH]


@pytest.mark.parametrize("location", ["nam5", "eur3"])
async def test_a_database_in_datastore_mode_is_never_imported(
    google: ServedStandIn, finder: GoogleImportFinder, location: str
) -> None:
    """The rules and the cameras of the stack would be refused by another application's database."""
    place = "/firestore/v1/projects/demo-proj/databases?databaseId=anava"
    make(google, (place, {"locationId": location, "type": "DATASTORE_MODE"}))
    survey = await finder.find_existing("demo-proj", [DATABASE])

    assert survey.imports == []
    (obstacle,) = survey.findings
    assert obstacle.cause is Reason.DATASTORE_MODE
    assert "another Firestore database id" in obstacle.next_step


async def test_a_deleted_pool_and_its_provider_come_back(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """Its id is given to nobody for 30 days, and the provider says that it is not there."""
    issuer = {"oidc": {"issuerUri": "https://securetoken.google.com/demo-proj"}}
    mapped = {**issuer, "attributeMapping": {"google.subject": "assertion.sub"}}
    google.preload(
        (f"{POOLS}?workloadIdentityPoolId=devices-anava", {}),
        (f"{POOLS}/devices-anava/providers?workloadIdentityPoolProviderId=firebase", mapped),
        method="POST",
    )
    google.preload(
        (f"{POOLS}/devices-anava/providers/firebase", {}),
        (f"{POOLS}/devices-anava", {}),
        method="DELETE",
    )
    survey = await finder.find_existing("demo-proj", [PROVIDER, DEVICES])

    assert survey.findings == []
    assert survey.imports == [
        Import(DEVICES.address, POOL),
        Import(PROVIDER.address, f"{POOL}/providers/firebase"),
    ]
    there = google.control("GET", "state")["resources"]
    states = {
        name: resource["state"]
        for resources in there.values()
        for name, resource in resources.items()
        if name.startswith(POOL)
    }
    assert states == {POOL: "ACTIVE", f"{POOL}/providers/firebase": "ACTIVE"}


def denied(path: str, method: str = "") -> dict[str, object]:
    return {"path": path, "method": method, "failure": "permission_denied"}


async def test_a_refused_undelete_is_a_finding_about_its_resource(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """The refusal ended the survey: the other resources were neither imported nor named."""
    keys = "/apikeys/v2/projects/demo-proj/locations/global/keys"
    google.preload(
        (f"{keys}?keyId=anava-key", {"displayName": "x"}),
        ("/secretmanager/v1/projects/demo-proj/secrets?secretId=anava-s", {}),
    )
    google.preload((f"{keys}/anava-key", {}), method="DELETE")
    google.control("PUT", "rules", [denied(":undelete", "POST")])
    survey = await finder.find_existing("demo-proj", [KEY, SECRET])

    assert survey.imports == [Import(SECRET.address, "projects/demo-proj/secrets/anava-s")]
    assert [(item.cause, item.resource) for item in survey.findings] == [
        (Reason.PERMISSION_DENIED, KEY.address)
    ]


async def test_each_refused_resource_has_a_finding(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    google.preload(("/secretmanager/v1/projects/demo-proj/secrets?secretId=anava-s", {}))
    google.control("PUT", "rules", [denied("/serviceAccounts/"), denied("/webApps")])
    survey = await finder.find_existing("demo-proj", [ACCOUNT, APP, SECRET])

    assert len(survey.imports) == 1
    assert {item.resource for item in survey.findings} == {ACCOUNT.address, APP.address}
    assert {(item.severity, item.effect) for item in survey.findings} == {
        (Severity.BLOCKING, Effect.FATAL)
    }


async def test_an_expired_sign_in_is_a_single_finding(google: ServedStandIn) -> None:
    api = GoogleApi(Token("ya29.expired"), google.endpoint)
    survey = await GoogleImportFinder(api).find_existing("demo-proj", ALL)
    await api.close()

    assert [(item.cause, item.resource) for item in survey.findings] == [
        (Reason.SIGN_IN_EXPIRED, "")
    ]


async def test_a_refusal_that_terraform_would_repeat_ends_the_deployment(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    """Its effect was `repeated`, although nothing repeats a survey."""
    reason = error_info("BILLING_DISABLED", "googleapis.com", {})
    body = refusal(403, "The billing account is disabled.", reason).answer.content
    google.control("PUT", "rules", [{"path": "/secrets/", "status": 403, "body": body}])
    survey = await finder.find_existing("demo-proj", [SECRET])

    assert [(item.cause, item.effect) for item in survey.findings] == [
        (Reason.BILLING_DISABLED, Effect.FATAL)
    ]


async def test_a_deleted_key_comes_back(google: ServedStandIn, finder: GoogleImportFinder) -> None:
    keys = "/apikeys/v2/projects/demo-proj/locations/global/keys"
    google.preload((f"{keys}?keyId=anava-key", {"displayName": "x"}))
    google.preload((f"{keys}/anava-key", {}), method="DELETE")
    survey = await finder.find_existing("demo-proj", [KEY])

    assert survey.imports == [
        Import(KEY.address, "projects/demo-proj/locations/global/keys/anava-key")
    ]
    again = await finder.find_existing("demo-proj", [KEY])
    assert again == survey


async def test_a_web_app_is_found_by_its_name_and_never_doubled(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    make(
        google,
        ("/firebase/v1beta1/projects/demo-proj:addFirebase", {}),
        ("/firebase/v1beta1/projects/demo-proj/webApps", {"displayName": "Other"}),
        ("/firebase/v1beta1/projects/demo-proj/webApps", {"displayName": "Devices"}),
    )
    survey = await finder.find_existing("demo-proj", [APP])

    apps = google.control("GET", "state")["resources"]["webApps"].values()
    (app,) = (item["appId"] for item in apps if item["displayName"] == "Devices")
    assert survey.imports == [Import(APP.address, f"projects/demo-proj/webApps/{app}")]


@pytest.mark.parametrize(("content", "imported"), [(RULES, True), ("other", False)])
async def test_a_ruleset_is_imported_when_it_is_in_force_and_says_the_same(
    google: ServedStandIn, finder: GoogleImportFinder, content: str, imported: bool
) -> None:
    rulesets = "/firebaserules/v1/projects/demo-proj/rulesets"
    make(
        google,
        (rulesets, {"source": {"files": [{"name": "firestore.rules", "content": content}]}}),
    )
    (name,) = google.control("GET", "state")["resources"]["rulesets"]
    release = {"name": "projects/demo-proj/releases/cloud.firestore", "rulesetName": name}
    make(google, ("/firebaserules/v1/projects/demo-proj/releases", release))
    survey = await finder.find_existing("demo-proj", [RULESET, RELEASE])

    assert (Import(RULESET.address, name) in survey.imports) is imported
    assert Import(RELEASE.address, "projects/demo-proj/releases/cloud.firestore") in survey.imports


async def test_an_api_that_is_off_hides_nothing_that_would_stop_the_plan(
    google: ServedStandIn, finder: GoogleImportFinder
) -> None:
    google.project(enabled=[])
    survey = await finder.find_existing("demo-proj", ALL)
    assert (survey.imports, survey.findings) == ([], [])


async def test_what_may_not_be_looked_at_is_said(google: ServedStandIn) -> None:
    api = GoogleApi(Token(google.token(["storage.buckets.get"])), google.endpoint)
    survey = await GoogleImportFinder(api).find_existing("demo-proj", [SECRET])
    await api.close()

    assert [finding.cause for finding in survey.findings] == [Reason.PERMISSION_DENIED]
    assert "secretmanager.secrets.get" in survey.findings[0].message
