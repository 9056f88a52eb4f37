"""The real provider on the stand-in: minutes long, so in `make test-google`, not in `make test`.

ANAVA_TERRAFORM__MIRROR names an unpacked mirror with google-beta.
"""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.settings import load
from tests.google_stand_in.provoked import API, BUCKET, CASES, DATABASE, EVERY_API, POOL, SECRET
from tests.google_stand_in.record import CORPUS, prepare, provoke
from tests.support.servers import ROOT
from tests.support.stand_in.provider import Terraform, errors
from tests.support.stand_in.serving import ServedStandIn

PROJECT = "demo-proj"
RESOURCES = {
    "google_secret_manager_secret": (SECRET, f"projects/{PROJECT}/secrets/key"),
    "google_storage_bucket": (BUCKET, f"{PROJECT}-src"),
    "google_firestore_database": (DATABASE, f"projects/{PROJECT}/databases/anava"),
    "google_iam_workload_identity_pool": (
        POOL,
        f"projects/{PROJECT}/locations/global/workloadIdentityPools/pool",
    ),
    "google_api_gateway_api": (API, f"projects/{PROJECT}/locations/global/apis/api"),
}
STACK = "".join(block for block, _ in RESOURCES.values()).replace("PROJECT", PROJECT)
# A database is forgotten by a destroy unless the stack says otherwise.
STACK = STACK.replace("NAME", "one").replace(
    'location_id = "nam5"', 'location_id = "nam5"\n  deletion_policy = "DELETE"'
)
IMPORTS = "".join(
    f'import {{\n  to = {kind}.one\n  id = "{name}"\n}}\n' for kind, (_, name) in RESOURCES.items()
)


@pytest.fixture
def mirror() -> Path:
    found = load().terraform.mirror
    assert found is not None, "ANAVA_TERRAFORM__MIRROR names the mirror that holds google-beta"
    return found


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path)
    await stand_in.start()
    stand_in.project(enabled=[f"{api}.googleapis.com" for api in EVERY_API])
    yield stand_in
    stand_in.end()


def test_a_stack_is_applied_left_alone_forgotten_imported_and_destroyed(
    served: ServedStandIn, mirror: Path, tmp_path: Path
) -> None:
    terraform = Terraform(tmp_path / "stack", served.port, mirror)
    terraform.write(STACK)
    apply = ("apply", "-json", "-auto-approve")

    assert terraform.run(*apply)[0] == 0
    assert terraform.run("plan", "-json", "-detailed-exitcode")[0] == 0

    (terraform.folder / "terraform.tfstate").unlink()
    code, lines = terraform.run(*apply)
    refused = {str(error["diagnostic"]["address"]): error["diagnostic"] for error in errors(lines)}
    assert code == 1
    assert set(refused) == {f"{kind}.one" for kind in RESOURCES}
    assert all("googleapi: Error 409" in item["summary"] for item in refused.values())

    terraform.write(STACK + IMPORTS)
    assert terraform.run(*apply)[0] == 0
    assert terraform.run("plan", "-json", "-detailed-exitcode")[0] == 0
    assert terraform.run("destroy", "-json", "-auto-approve")[0] == 0
    counts = served.control("GET", "state")["counts"]
    # The pool lies deleted for 30 days.
    assert {kind for kind, count in counts.items() if count} == {"workloadIdentityPools"}


def test_the_anava_stack_is_applied_left_alone_and_destroyed(
    served: ServedStandIn, mirror: Path, tmp_path: Path
) -> None:
    served.project(enabled=[])
    folder = tmp_path / "anava"
    shutil.copytree(ROOT / "terraform" / "anava", folder)
    for name in ("device-auth", "token-vending"):
        archive = folder / "functions" / f"{name}.zip"
        archive.parent.mkdir(exist_ok=True)
        archive.write_bytes(b"an archive; the service packs the real one")
    (folder / "given.auto.tfvars.json").write_text(json.dumps({"project_id": PROJECT}))
    terraform = Terraform(folder, served.port, mirror)
    assert terraform.run("init", "-json")[0] == 0

    code, lines = terraform.run("apply", "-json", "-auto-approve")
    assert (code, errors(lines)) == (0, [])
    assert terraform.run("plan", "-json", "-detailed-exitcode")[0] == 0
    created = served.control("GET", "state")["counts"]
    assert created["functions"] == created["releases"] == created["rulesets"] == 2
    assert created["gateways"] == created["keys"] == created["webApps"] == 1

    code, lines = terraform.run("destroy", "-json", "-auto-approve")
    assert (code, errors(lines)) == (0, [])
    left = {kind for kind, count in served.control("GET", "state")["counts"].items() if count}
    # What a destroy keeps: camera data, what Google cannot take back, what lies deleted, what ran.
    assert left == {
        "buckets",
        "builds",
        "databases",
        "firebaseBuckets",
        "firebaseProjects",
        "identityConfigs",
        "keys",
        "providers",
        "workloadIdentityPools",
    }


def test_every_failure_is_told_as_the_corpus_has_it(
    served: ServedStandIn, mirror: Path, tmp_path: Path
) -> None:
    cases = {name: case for name, case in CASES.items() if not case.slow}
    terraform = Terraform(tmp_path / "cases", served.port, mirror)

    found = provoke(terraform, prepare(served, cases), cases)

    for name in cases:
        lines = (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        told = sorted(_plain(line["diagnostic"]["summary"]) for line in found[name])
        assert told == sorted(_plain(json.loads(line)["diagnostic"]["summary"]) for line in lines)


def _plain(summary: str) -> str:
    """Without addresses in memory, and without the order in which two services were enabled."""
    text = re.sub(r"0x[0-9a-f]+", "0x", summary)
    return re.sub(r"'(secretmanager|run)\.googleapis\.com,(secretmanager|run)", "'both", text)
