"""Preflight with the permissions of Google's real roles: nothing is refused that Google accepts."""

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.google.api import GoogleApi
from adapters.google.preflight import GooglePreflight, read_requirements
from deployments.deployment import DeploymentRequest, Stack
from deployments.findings import Finding, Severity
from deployments.permissions import BASIC_ROLE, OF_BUCKET_POLICY, other_name
from deployments.preflight import blocking
from deployments.reasons import Reason
from tests.support.google_roles import BASIC_ROLES, EDITOR_AND, role_permissions, stored_roles
from tests.support.servers import ROOT
from tests.support.stand_in.consumers import Consumers, consumers
from tests.support.stand_in.serving import Token

TEMPLATES = ROOT / "terraform"
NEEDED = read_requirements(TEMPLATES, "anava")
REQUEST = DeploymentRequest(Stack("anava", "demo-proj", "anava"), "us-central1", "US")
PUBLISHED = ROOT / "terraform" / "anava" / "deployer-role.yaml"
LONG = "iam.googleapis.com/workloadIdentityPools.getAttestationRules"


def published_role() -> set[str]:
    lines = PUBLISHED.read_text().splitlines()
    return {line.removeprefix("- ") for line in lines if line.startswith("- ")}


@pytest.fixture(scope="module")
def served() -> Iterator[Consumers]:
    with consumers() as server:
        yield server


@pytest.fixture
def google(served: Consumers) -> Consumers:
    """The project has every API; the credential's own project has none."""
    served.stand_in.control.answer("POST", "/_control/reset", b"{}")
    served.untestable = set()
    about_projects = ("cloudbilling", "cloudresourcemanager", "orgpolicy", "serviceusage")
    enabled = {*NEEDED.apis, *(f"{name}.googleapis.com" for name in about_projects)}
    served.stand_in.control.world.project("demo-proj").enabled = dict.fromkeys(enabled, 0.0)
    served.requests.clear()
    return served


class Deployer:
    """Runs preflight with a set of permissions."""

    def __init__(self, google: Consumers) -> None:
        self._google = google
        self._source = Token("")
        self.api = GoogleApi(self._source, google.endpoint)

    async def check(self, permissions: set[str]) -> list[Finding]:
        self._source.value = self._google.token([*permissions])
        return await GooglePreflight(self.api, TEMPLATES).check(REQUEST)


@pytest.fixture
async def deployer(google: Consumers) -> AsyncIterator[Deployer]:
    deployer = Deployer(google)
    yield deployer
    await deployer.api.close()


@pytest.mark.parametrize(
    "permissions",
    [
        role_permissions("roles/owner"),
        role_permissions("roles/editor", *EDITOR_AND),
        published_role(),
    ],
    ids=["owner", "editor-and-the-documented", "the-published-role"],
)
async def test_a_role_that_google_accepts_has_no_finding(
    deployer: Deployer, permissions: set[str]
) -> None:
    """`roles/owner` contains no permission on a bucket: the bucket's own policy grants them."""
    assert await deployer.check(permissions) == []


async def test_an_editor_lacks_what_the_documented_roles_add(deployer: Deployer) -> None:
    findings = await deployer.check(role_permissions("roles/editor"))
    missing = {item.resource for item in findings if item.severity is Severity.BLOCKING}

    assert missing == {
        "datastore.databases.create",
        "iam.googleapis.com/workloadIdentityPoolProviders.create",
        "iam.googleapis.com/workloadIdentityPools.create",
        "iam.roles.create",
        "iam.serviceAccounts.setIamPolicy",
        "resourcemanager.projects.setIamPolicy",
        "run.services.setIamPolicy",
    }


@pytest.mark.parametrize("role", EDITOR_AND)
async def test_each_documented_role_is_needed(deployer: Deployer, role: str) -> None:
    others = [name for name in EDITOR_AND if name != role]
    findings = await deployer.check(role_permissions("roles/editor", *others))
    assert blocking(findings) is Reason.PERMISSION_DENIED


async def test_a_viewer_is_refused(deployer: Deployer) -> None:
    assert blocking(await deployer.check(role_permissions("roles/viewer")))


@pytest.mark.parametrize("permission", sorted(published_role() & {*NEEDED.permissions}))
async def test_the_published_role_without_one_permission_has_exactly_this_finding(
    deployer: Deployer, permission: str
) -> None:
    findings = await deployer.check(published_role() - {permission})

    assert [(item.cause, item.resource) for item in findings] == [
        (Reason.PERMISSION_DENIED, permission)
    ]
    is_of_bucket = permission in OF_BUCKET_POLICY
    assert (blocking(findings) is None) == is_of_bucket


async def test_an_answer_under_the_short_name_counts(deployer: Deployer) -> None:
    """Roles contain the long names of workload identity, errors of Google the short."""
    long_names = {name for name in published_role() if other_name(name)}
    short_names = {other_name(name) for name in long_names}
    assert await deployer.check(published_role() - long_names | short_names) == []


@pytest.mark.parametrize(
    ("untestable", "granted_as"),
    [({LONG}, other_name(LONG)), ({other_name(LONG)}, LONG)],
    ids=["long", "short"],
)
async def test_a_name_that_google_cannot_test_is_tested_by_its_other_name(
    google: Consumers, deployer: Deployer, untestable: set[str], granted_as: str
) -> None:
    google.untestable = untestable
    with_other = published_role() - {LONG} | {granted_as}
    assert await deployer.check(with_other) == []

    findings = await deployer.check(published_role() - {LONG})
    assert [(item.cause, item.resource) for item in findings] == [(Reason.PERMISSION_DENIED, LONG)]


@pytest.mark.parametrize(
    "untestable",
    [
        {LONG, other_name(LONG)},
        {"apigateway.locations.get"},
        {"apigateway.locations.get", "secretmanager.versions.enable", "datastore.operations.get"},
    ],
)
async def test_names_that_google_cannot_test_are_noted_and_hide_no_other(
    google: Consumers, deployer: Deployer, untestable: set[str]
) -> None:
    """One such name makes the whole request 400."""
    google.untestable = untestable
    missing = "firebase.projects.update"
    findings = await deployer.check(published_role() - untestable - {missing})

    assert [(item.severity, item.cause, item.resource) for item in findings] == [
        (Severity.BLOCKING, Reason.PERMISSION_DENIED, missing),
        *(
            (Severity.NOTE, Reason.NOT_CHECKED, name)
            for name in sorted(untestable - {other_name(LONG)})
        ),
    ]


async def test_nothing_blocks_where_google_tests_no_name(
    google: Consumers, deployer: Deployer
) -> None:
    google.untestable = {*NEEDED.all_permissions, *map(other_name, NEEDED.all_permissions)}
    google.untestable -= {"resourcemanager.projects.get", "serviceusage.services.get", ""}
    findings = await deployer.check(published_role())

    assert blocking(findings) is None
    assert {item.cause for item in findings} == {Reason.NOT_CHECKED}
    # Halves of halves: a few requests for each name, not one for each pair.
    assert len(google.requests) < 4 * len(google.untestable)


def test_the_permissions_of_a_bucket_are_those_that_owners_have_by_its_policy() -> None:
    asked = {*NEEDED.all_permissions} - role_permissions("roles/owner")
    by_policy = role_permissions(
        "roles/storage.legacyBucketOwner", "roles/storage.legacyObjectOwner"
    )

    assert asked == OF_BUCKET_POLICY
    assert by_policy >= OF_BUCKET_POLICY


def test_only_basic_roles_look_like_basic_roles() -> None:
    roles = set(stored_roles()["looking_basic"])
    assert set(BASIC_ROLES) <= roles
    assert {name for name in roles - set(BASIC_ROLES) if not name.endswith("serviceAgent")} == set()
    assert BASIC_ROLE.isdisjoint(NEEDED.all_permissions)


def test_every_permission_exists_in_a_role_of_google() -> None:
    known = role_permissions("roles/owner", "roles/storage.admin")
    assert {*NEEDED.all_permissions} - known == set()


def test_the_stored_roles_name_their_source_and_date() -> None:
    stored = stored_roles()
    assert stored["source"].startswith("https://github.com/")
    assert len(stored["commit"]) == 40
    assert stored["date"] >= "2026-01-01"
