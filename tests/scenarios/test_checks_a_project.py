"""`anava validate` names what a deployment would meet in a project; Google is only read."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.google.preflight import read_requirements
from adapters.settings import base_environment
from cli.main import app
from deployments.reasons import Reason
from tests.support.servers import ROOT, free_port
from tests.support.stand_in.key_file import EMAIL, write_key
from tests.support.stand_in.serving import ServedStandIn

NEEDED = read_requirements(ROOT / "terraform", "anava")
PERSON = "user:caller@example.com"  # the stand-in's tokens for a key belong to this principal
OK, BLOCKED, WRONG_USAGE = 0, 1, 2
# Requests by POST that change nothing.
READING = (":testIamPermissions", "/oauth2/token", ":generateAccessToken")
HOSTILE = [
    "",
    "demo-proj; rm -rf ~",
    "../../demo-proj",
    "demo-proj/services",
    "demo-proj?x=y",
    "demo-proj\n",
    "demo-\x1b[2Jproj",
    "--project",
    "projects/demo-proj",
    "DEMO-PROJ",
    "demo-proj\udcff",
    "d" * 100_000,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path_factory.mktemp("google"), "brand-new-project")
    asyncio.run(stand_in.start())
    yield stand_in
    stand_in.end()


@pytest.fixture
def google(served: ServedStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServedStandIn:
    """A brand-new project whose owner has signed in on this machine."""
    served.control("PUT", "scenario", {"name": "brand-new-project"})
    write_key(tmp_path / "key.json", served.endpoint)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("ANAVA_GOOGLE__ENDPOINT", served.endpoint)
    monkeypatch.setenv("ANAVA_DATA_DIR", str(tmp_path / "data"))
    return served


def validate(*options: str, project: str = "demo-proj") -> Result:
    return CliRunner().invoke(app, ["validate", "--project", project, *options])


def document(*options: str, project: str = "demo-proj") -> dict[str, Any]:
    """The document of `--json`, whose `ready` agrees with the exit status."""
    ended = validate("--json", *options, project=project)
    content: dict[str, Any] = json.loads(ended.stdout)
    assert ended.exit_code == (OK if content["ready"] else BLOCKED)
    return content


def state(google: ServedStandIn) -> dict[str, Any]:
    """Projects, policies and resources; a kind that was listed is there without a resource."""
    content = google.control("GET", "state")
    resources = {kind: items for kind, items in content["resources"].items() if items}
    return {"projects": content["projects"], "policies": content["policies"], **resources}


def scenario(google: ServedStandIn, role: str) -> None:
    """A project in which the person has a single role, and every API is on."""
    project = {"roles": {role: [PERSON]}, "enabled": [*NEEDED.apis]}
    google.control("PUT", "scenario", {"access": "roles", "projects": [project]})


def test_the_owner_of_a_brand_new_project_may_deploy_and_google_was_only_read(
    google: ServedStandIn, tmp_path: Path
) -> None:
    before = state(google)
    content = document()

    assert (content["project_id"], content["prefix"], content["account"]) == (
        "demo-proj",
        "anava",
        EMAIL,
    )
    switched_off = {item["resource"] for item in content["findings"] if item["severity"] == "note"}
    assert {"run.googleapis.com", "firestore.googleapis.com"} < switched_off
    requests = google.asked()
    assert len(requests) > len(NEEDED.apis)
    assert [
        request
        for request in requests
        if request["method"] != "GET" and not request["path"].endswith(READING)
    ] == []
    assert state(google) == before
    assert not (tmp_path / "data").exists()


def test_a_viewer_learns_who_must_grant_each_permission(google: ServedStandIn) -> None:
    scenario(google, "roles/viewer")
    blocked = [item for item in document()["findings"] if item["severity"] == "blocking"]
    ended = validate()

    assert "iam.serviceAccounts.create" in {item["resource"] for item in blocked}
    assert {(item["cause"], item["actor"]) for item in blocked} == {
        (Reason.PERMISSION_DENIED, "administrator")
    }
    assert ended.exit_code == BLOCKED
    lines = ended.stdout.splitlines()
    start = lines.index("error: The permission iam.serviceAccounts.create is missing in demo-proj.")
    assert lines[start + 1 : start + 4] == [
        "  Who must act: an owner of the project, or an administrator of its organisation",
        "  Ask an owner of the project to grant the permission, then deploy again.",
        "  Fix: https://console.cloud.google.com/iam-admin/iam?project=demo-proj",
    ]
    assert lines[-2].startswith(f"Findings: {len(blocked)} that block a deployment, ")
    assert lines[-1] == "The stack cannot be deployed."


def test_an_api_that_is_off_is_a_note_with_a_command_and_blocks_nothing(
    google: ServedStandIn,
) -> None:
    scenario(google, "roles/owner")
    google.project(enabled=[api for api in NEEDED.apis if api != "run.googleapis.com"])
    ended = validate()

    assert ended.exit_code == OK
    assert "note: run.googleapis.com is disabled; the deployment enables it.\n" in ended.stdout
    assert "Optional: gcloud services enable run.googleapis.com --project demo-proj" in ended.stdout
    assert ", 1 notes.\nThe stack can be deployed. Not checked, " in ended.stdout
    assert "https://console.firebase.google.com" in ended.stdout


def test_a_project_that_does_not_exist_is_named(google: ServedStandIn) -> None:
    (problem,) = document(project="no-such-project-1")["findings"]

    assert (problem["cause"], problem["actor"]) == (Reason.PROJECT_NOT_FOUND, "person")
    assert "The project no-such-project-1 does not exist" in problem["message"]


def test_a_project_without_billing_is_blocked_with_a_link(google: ServedStandIn) -> None:
    scenario(google, "roles/owner")
    google.project(billing=False)
    blocked = [item for item in document()["findings"] if item["severity"] == "blocking"]

    assert [item["cause"] for item in blocked] == [Reason.BILLING_DISABLED]
    assert blocked[0]["fix"].endswith("/linkedaccount?project=demo-proj")


def test_region_location_and_variables_are_those_of_the_deployment(google: ServedStandIn) -> None:
    scenario(google, "roles/owner")
    options = ("--prefix", "cams", "--region", "us-east5", "--storage-location", "EU")
    content = document(*options, "--var", "firestore_location=eur3")
    names = ("prefix", "region", "storage_location")

    assert [content[name] for name in names] == ["cams", "us-east5", "EU"]
    assert "us-east5" in {item["resource"] for item in content["findings"]}
    rules = [{"values": {"allowedValues": ["in:us-locations", "global", "EU"]}}]
    google.project(org_policies={"gcp.resourceLocations": {"rules": rules}})
    messages = [
        item["message"]
        for item in document("--var", "firestore_location=eur3")["findings"]
        if item["cause"] == Reason.POLICY_FORBIDS
    ]
    assert [message.endswith("forbids: eur3.") for message in messages] == [True]


def test_a_sign_in_that_google_no_longer_accepts_is_a_finding(
    google: ServedStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.json").unlink()
    (missing,) = document()["findings"]
    monkeypatch.setenv("ANAVA_GOOGLE__IMPERSONATE", "robot@another-project.iam.gserviceaccount.com")
    write_key(tmp_path / "key.json", google.endpoint)
    scenario(google, "roles/viewer")
    impersonation = document()

    assert missing["cause"] == Reason.SIGN_IN_EXPIRED
    assert (missing["fix"], missing["actor"]) == (
        "gcloud auth application-default login",
        "person",
    )
    assert impersonation["account"] == "robot@another-project.iam.gserviceaccount.com"
    (refused,) = impersonation["findings"]
    assert "The service may not act as robot@another-project" in refused["message"]


def test_a_google_that_does_not_answer_is_a_finding(
    google: ServedStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANAVA_GOOGLE__ENDPOINT", f"http://127.0.0.1:{free_port()}")
    (problem,) = document()["findings"]

    assert problem["cause"] == Reason.PREFLIGHT_FAILED
    assert "cloudresourcemanager.googleapis.com does not answer" in problem["message"]
    assert "Check the network of this machine" in problem["next_step"]


@pytest.mark.parametrize("project", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_project_is_wrong_usage_and_reaches_no_server(
    google: ServedStandIn, project: str
) -> None:
    ended = validate(project=project)

    assert ended.exit_code == WRONG_USAGE
    assert "project_id must be 6 to 30 lower-case letters, digits or hyphens" in ended.stderr
    assert (ended.stdout, google.asked()) == ("", [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--prefix", "../x"), "prefix must be"),
        (("--region", "us-central1;ls"), "region must be"),
        (("--storage-location", "\x1b[31mUS"), "storage_location must be"),
        (("--var", "firestore_location"), "is not key=value"),
        (("--var", "x\x1b[2J=1"), "The template declares no such variable"),
        (("--var", "allowed_origins=" + "[" * 100_000), "The value must be a list"),
        (("--var", "firestore_location=NaN"), "The value must be a string"),
        (("--var", 'pool_suffix="\\ud800"'), "The value must be"),
    ],
)
def test_a_hostile_option_is_wrong_usage_and_reaches_no_server(
    google: ServedStandIn, options: tuple[str, ...], sentence: str
) -> None:
    ended = validate(*options)

    assert ended.exit_code == WRONG_USAGE
    assert sentence in ended.stderr
    assert "\x1b" not in ended.stderr.replace("\x1b[31mUsage", "")
    assert (ended.stdout, google.asked()) == ("", [])


def test_the_command_prints_findings_alone_and_needs_no_server(
    google: ServedStandIn, tmp_path: Path
) -> None:
    environment = {
        "PATH": base_environment()["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "NO_GCE_CHECK": "true",  # google-auth searches no metadata server, which takes seconds
        "ANAVA_GOOGLE__ENDPOINT": google.endpoint,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "validate", "--project", "demo-proj"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (BLOCKED, "")
    first, problem, *_, fix, _, last = ended.stdout.splitlines()
    assert first == "demo-proj/anava in us-central1, buckets in US"
    assert problem.startswith("error: Google credentials are missing or invalid: ")
    assert fix == "  Fix: gcloud auth application-default login"
    assert last == "The stack cannot be deployed."
