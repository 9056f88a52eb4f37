"""What preflight asks for is what the HCL needs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.google.preflight import read_requirements
from deployments.deployment import DeploymentRequest, Stack
from deployments.preflight import firestore_location
from tests.support.provider_calls import permissions_of, unlisted

TERRAFORM = Path(__file__).resolve().parent.parent.parent / "terraform"
ANAVA = TERRAFORM / "anava"
HCL = "\n".join(path.read_text() for path in sorted(ANAVA.glob("*.tf")))
CONTENT = json.loads((ANAVA / "permissions.json").read_text())
LISTED: dict[str, list[str]] = CONTENT["permissions"]
LATER: dict[str, list[str]] = CONTENT["later_permissions"]
TYPES = set(re.findall(r'^resource "(google_\w+)"', HCL, re.MULTILINE))


def test_every_type_of_the_stack_says_what_it_needs() -> None:
    assert TYPES
    assert TYPES - set(LISTED) == set()


def test_no_type_is_listed_that_the_stack_does_not_have() -> None:
    """Asking for more than is needed would refuse who may deploy."""
    assert set(LISTED) - TYPES == {"project"}


def test_every_permission_has_the_form_of_a_permission() -> None:
    for permission in read_requirements(TERRAFORM, "anava").all_permissions:
        assert re.fullmatch(r"([a-z]+\.|iam\.googleapis\.com/)[A-Za-z]+\.[A-Za-z]+", permission)


def test_the_apis_are_those_that_the_stack_switches_on() -> None:
    first = re.search(r"first_services = toset\(\[(.*?)\]\)", HCL)
    block = re.search(r" services = toset\(\[for name in \[\n(.*?)\]", HCL, re.DOTALL)
    assert first
    assert block
    names = re.findall(r'^ +"(\w+)"', block[1], re.MULTILINE)
    apis = [*re.findall(r'"([^"]+)"', first[1]), *(f"{name}.googleapis.com" for name in names)]
    expected = tuple(sorted(apis))
    assert read_requirements(TERRAFORM, "anava").apis == expected


def test_a_template_without_a_list_needs_nothing() -> None:
    found = read_requirements(TERRAFORM, "sandbox")
    assert (found.permissions, found.apis) == ((), ())


def test_the_runtimes_and_the_accounts_are_those_of_the_template() -> None:
    needed = read_requirements(TERRAFORM, "anava")
    identities = re.search(r"identities = \{\n(.*?)\n  \}", HCL, re.DOTALL)
    assert identities
    accounts = re.findall(r"^ +[a-z-]+ += \{ id =", identities[1], re.MULTILINE)

    assert set(re.findall(r'runtime += "(\w+)"', HCL)) == {*needed.runtimes}
    assert len(accounts) == needed.service_accounts > 0


def test_the_default_location_of_the_database_is_that_of_the_template() -> None:
    request = DeploymentRequest(Stack("anava", "demo-proj", "anava"), "us-central1", "US")
    variable = re.search(r'variable "firestore_location" \{(.*?)\n\}', HCL, re.DOTALL)
    assert variable
    assert f'default     = "{firestore_location(request)}"' in variable[1]


def test_the_published_role_is_made_from_the_list() -> None:
    script = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, TERRAFORM.parent / "scripts" / "deployer-role"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert (ANAVA / "deployer-role.yaml").read_text() == script.stdout


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_the_permissions_of_a_type_are_those_of_the_providers_calls(kind: str) -> None:
    project = {*LISTED["project"]}
    assert {*LISTED[kind]} == permissions_of(kind, first=True) - project
    later = permissions_of(kind, first=False) - permissions_of(kind, first=True)
    assert {*LATER.get(kind, ())} == later


def test_a_call_that_is_not_in_the_table_is_found() -> None:
    bucket = {"method": "GET", "path": "/storage/v1/b/demo-proj-anava-functions"}
    lists = {"method": "GET", "path": "/iam/v1/projects/demo-proj/roles"}
    token = {"method": "GET", "path": "/computeMetadata/v1/project/project-id"}

    assert unlisted([bucket, token]) == set()
    assert unlisted([bucket, lists, token]) == {"GET iam projects/{project}/roles"}
