"""`make test-live` refuses what it must not touch, and leaves nothing in a project."""

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from google_stand_in.answers import Json
from tests.live.__main__ import main
from tests.live.inventory import Resource, why_it_stays
from tests.live.report import Report, Step
from tests.support.real_provider import NO_MIRROR, mirror
from tests.support.servers import ROOT, eventually
from tests.support.stand_in.key_file import write_key
from tests.support.stand_in.serving import ServedStandIn

PROJECT = "demo-proj"
CONSENT = {"PROJECT": PROJECT, "THROW_AWAY": PROJECT}
PASSED, FAILED, REFUSED = 0, 1, 2
SECRET: Json = {"replication": {"automatic": {}}}
BUILT_BY_GOOGLE = "serviceAccount:service-123456789012@gcp-sa-apigateway.iam.gserviceaccount.com"


class Ended(NamedTuple):
    """Exit status and output of a run."""

    status: int
    out: str
    err: str


Live = Callable[..., Ended]


@pytest.fixture
def google(served: ServedStandIn) -> ServedStandIn:
    served.reset()
    return served


def folder_with_provider(folder: Path) -> Path:
    (folder / "registry.terraform.io" / "hashicorp" / "google-beta").mkdir(parents=True)
    return folder


@pytest.fixture
def live(
    google: ServedStandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Live:
    """A person who has signed in types `make test-live` with variables."""
    write_key(tmp_path / "key.json", google.endpoint)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("ANAVA_GOOGLE__ENDPOINT", google.endpoint)
    monkeypatch.setenv("ANAVA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(**variables: str) -> Ended:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        status = main([])
        return Ended(status, *capsys.readouterr())

    return run


def report(data: Path) -> dict[str, Any]:
    """The only report; its text lies beside it."""
    (path,) = (data / "live" / PROJECT).glob("*/report.json")
    assert path.with_name("report.txt").read_text().startswith(f"# Live run in {PROJECT}: ")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def writes(google: ServedStandIn) -> list[str]:
    """Requests that may change a project."""
    reading = (":testIamPermissions", ":getIamPolicy", "/oauth2/token")
    return [
        f"{request['method']} {request['path']}"
        for request in google.asked()
        if request["method"] != "GET" and not request["path"].endswith(reading)
    ]


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({}, "Name the project: make test-live PROJECT="),
        ({"PROJECT": PROJECT}, "To confirm this add THROW_AWAY='demo-proj'."),
        ({"PROJECT": PROJECT, "THROW_AWAY": "1"}, "must be a project to throw away"),
        ({"PROJECT": "\x1b[2J", "THROW_AWAY": "no"}, r"deletes data in '\x1b[2J'"),
        (CONSENT, "does not hold Google's provider: `make providers`"),
    ],
)
def test_without_project_consent_or_provider_nothing_starts(
    live: Live, google: ServedStandIn, tmp_path: Path, named: dict[str, str], sentence: str
) -> None:
    ended = live(ANAVA_TERRAFORM__MIRROR=str(tmp_path), **named)

    assert (ended.status, ended.out) == (REFUSED, "")
    assert sentence in ended.err
    assert (google.asked(), (tmp_path / "data").exists()) == ([], False)


@pytest.mark.parametrize("typed", ["yes", ""])
def test_another_word_than_the_project_at_the_prompt_stops_the_run(
    live: Live, google: ServedStandIn, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{typed}\n".encode())
    with os.fdopen(terminal) as prompt:
        monkeypatch.setattr(sys, "stdin", prompt)
        ended = live(PROJECT=PROJECT)
    os.close(keyboard)

    assert (ended.status, google.asked()) == (REFUSED, [])
    assert ended.err.endswith("Type its id to confirm: Nothing was done.\n")


@pytest.mark.parametrize("project", ["../../escaped", "--help"])
def test_a_hostile_project_makes_no_folder(
    live: Live, google: ServedStandIn, tmp_path: Path, project: str
) -> None:
    place = str(folder_with_provider(tmp_path / "mirror"))
    ended = live(PROJECT=project, THROW_AWAY=project, ANAVA_TERRAFORM__MIRROR=place)

    assert ended.status == REFUSED
    assert "project_id must be 6 to 30 lower-case letters" in ended.err
    assert google.asked() == []
    assert {path.name for path in tmp_path.iterdir()} == {"key.json", "mirror"}


def test_a_project_that_is_in_use_is_left_alone(
    live: Live, google: ServedStandIn, tmp_path: Path
) -> None:
    google.project(enabled=["secretmanager.googleapis.com"])
    google.preload((f"/secretmanager/v1/projects/{PROJECT}/secrets?secretId=customers", SECRET))
    place = str(folder_with_provider(tmp_path / "mirror"))
    ended = live(ANAVA_TERRAFORM__MIRROR=place, **CONSENT)

    assert ended.status == REFUSED
    assert f"The project {PROJECT} is in use: secret customers." in ended.err
    assert (writes(google), (tmp_path / "data").exists()) == ([], False)


def test_a_blocked_project_is_reported_and_left_alone(
    live: Live, google: ServedStandIn, tmp_path: Path
) -> None:
    google.project(billing=False)
    place = str(folder_with_provider(tmp_path / "mirror"))
    ended = live(ANAVA_TERRAFORM__MIRROR=place, **CONSENT)

    assert (ended.status, writes(google)) == (FAILED, [])
    content = report(tmp_path / "data")
    assert [(step["name"], step["expected"]) for step in content["steps"]] == [("validate", False)]
    assert "has no active billing account" in content["steps"][0]["problems"][0]


@pytest.mark.parametrize(
    ("resource", "stays"),
    [
        (Resource("API that is on", "run.googleapis.com"), True),
        (Resource("API that is on", "live-api-1.apigateway.demo-proj.cloud.goog"), True),
        (Resource("bucket", "gcf-v2-sources-123456789012-us-central1"), True),
        (Resource("bucket", "demo-proj-live-firmware"), False),
        (Resource("workload identity pool", "devices-live", recoverable=True), True),
        (Resource("workload identity pool", "devices-live"), False),
        (Resource("API key", "Browser key (auto created by Firebase)"), True),
        (Resource("API key", "live gateway"), False),
        (Resource("role of a member", f"roles/apigateway.serviceAgent {BUILT_BY_GOOGLE}"), True),
        (
            Resource(
                "role of a member",
                "roles/datastore.user serviceAccount:live-tvm-sa@demo-proj.iam.gserviceaccount.com",
            ),
            False,
        ),
        (
            Resource(
                "role of a member",
                "roles/datastore.user deleted:serviceAccount:live-tvm-sa@demo-proj.iam?uid=1",
            ),
            False,
        ),
    ],
)
def test_only_what_google_keeps_may_stay(resource: Resource, *, stays: bool) -> None:
    assert bool(why_it_stays(resource)) is stays


GOOD, LATE = (
    Step("deploy", expected=True, outcome="applied"),
    Resource("secret", "live-firebase-config"),
)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"is_compared": False}, "The resources were not compared"),
        (
            {"steps": [GOOD, Step("destroy", expected=False, outcome="failed")]},
            "| destroy | NO | failed | 0 |",
        ),
        ({"left": [LATE]}, "- **secret live-firebase-config: must not be left**"),
        ({"unread": ("bucket",)}, "- bucket: could not be listed"),
    ],
)
def test_a_run_passes_only_where_everything_is_as_required(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    good = Report(PROJECT, "live", "us-central1", "Google", "", "1", [GOOD], is_compared=True)
    bad = replace(good, **changes)

    assert (good.passed, bad.passed) == (True, False)
    text = bad.write(tmp_path).read_text()
    assert text.startswith(f"# Live run in {PROJECT}: FAILED\n")
    assert sentence in text


@pytest.mark.heavy
@pytest.mark.timeout(1500)
def test_a_run_deploys_redeploys_destroys_and_leaves_nothing(live: Live, tmp_path: Path) -> None:
    place = mirror()
    if place is None:
        pytest.skip(NO_MIRROR)
    ended = live(ANAVA_TERRAFORM__MIRROR=str(place), **CONSENT)

    assert ended.status == PASSED, ended.out + ended.err
    content = report(tmp_path / "data")
    assert [(step["name"], step["outcome"].partition(": ")[2]) for step in content["steps"]][
        1:
    ] == [
        ("deploy", "applied"),
        ("redeploy", "no_changes"),
        ("destroy", "destroyed"),
    ]
    assert content["passed"]
    assert content["left"] != []
    (folder,) = (tmp_path / "data" / "live" / PROJECT).iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "report.json",
        "report.txt",
        "up.log",
        "deploy.log",
        "redeploy.log",
        "destroy.log",
    }


@pytest.mark.heavy
@pytest.mark.timeout(1500)
async def test_a_run_that_was_interrupted_goes_on_and_leaves_nothing(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = mirror()
    if place is None:
        pytest.skip(NO_MIRROR)
    for name, value in {**CONSENT, "ANAVA_TERRAFORM__MIRROR": str(place)}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "data" / "live" / PROJECT
    process = subprocess.Popen([sys.executable, "-m", "tests.live"], cwd=ROOT, process_group=0)  # noqa: ASYNC220 - our own program, returns at once

    def creates() -> bool:
        return any("Creation complete" in log.read_text() for log in folder.glob("*/deploy.log"))

    await eventually(creates, "the first resource", 300)
    os.killpg(process.pid, signal.SIGINT)
    await eventually(lambda: process.poll() is not None, "the end of the run", 300)
    assert process.returncode == FAILED
    assert [step["outcome"] for step in report(tmp_path / "data")["steps"]][1:] == ["interrupted"]
    (interrupted,) = folder.glob("*/report.json")
    interrupted.unlink()

    ended = await asyncio.to_thread(live)
    assert ended.status == PASSED, ended.out + ended.err
    assert report(tmp_path / "data")["passed"]
