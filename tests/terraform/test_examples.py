"""The examples are of today's stack."""

import hashlib
import json
import re
import shutil
from pathlib import Path

from adapters.terraform import function_archives
from deployments.acap_config import Origin, compose
from tests.support.real_provider import ACAP_CONFIG, ANAVA
from tests.support.servers import ROOT
from tests.terraform.hcl_files import bodies

PLAN = ROOT / "examples" / "plan.txt"


def test_the_plan_has_every_resource_of_the_template() -> None:
    """Also where there is no provider to plan with."""
    planned = set(re.findall(r"^  # ([\w.]+)(?:\[.*\])? will be created$", PLAN.read_text(), re.M))

    assert planned == {body.label for body in bodies(ANAVA) if body.keyword == "resource"}


def test_the_plan_uploads_the_functions_as_they_are_now(tmp_path: Path) -> None:
    shutil.copytree(ANAVA / "functions", tmp_path / "functions")
    function_archives.pack(tmp_path)
    archives = sorted((tmp_path / "functions").glob("*.zip"))
    hashes = {hashlib.sha256(archive.read_bytes()).hexdigest() for archive in archives}

    assert set(re.findall(r'"[\w-]+-([0-9a-f]{64})\.zip"', PLAN.read_text())) == hashes


def test_the_camera_configuration_has_every_key_and_output_of_today() -> None:
    """Also where there is no provider to deploy with."""
    example = json.loads(ACAP_CONFIG.read_text())
    firebase, google, deployment = example["firebase"], example["googleAI"], example["deployment"]
    shown = {
        name: {"sensitive": False, "value": value} for name, value in deployment["outputs"].items()
    }
    hidden = {
        "api_key": {"sensitive": True, "value": google["apiKey"]},
        "firebase_config": {
            "sensitive": True,
            "value": {**firebase, "apiKey": firebase["webApiKey"]},
        },
    }
    recorded = {
        "version": deployment["version"],
        "recorded_at": deployment["timestamp"],
        "outputs": {**shown, **hidden},
    }
    origin = Origin(deployment["deploymentId"], google["gcpProjectId"], google["gcpRegion"])

    assert compose(json.dumps(recorded), origin) == example, "run `make examples`"
    outputs = {body.label for body in bodies(ANAVA) if body.keyword == "output"}
    assert outputs == {*shown, *hidden}
