"""docs/openapi.json says what the routes say, and its examples are such as the routes give."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from adapters.settings import base_environment
from api import examples
from api.problems import KINDS
from api.schemas.acap_config import AcapConfigBody
from api.schemas.artifacts import ArtifactList
from api.schemas.deployments import (
    AcceptedBody,
    DeployBody,
    DeploymentBody,
    DeploymentPage,
    ProgressBody,
)
from api.schemas.destruction import DestructionBody
from api.schemas.health import HealthBody, LivenessBody, VersionBody, WorkerHealthBody
from api.schemas.logs import LogPage, VerificationBody
from api.schemas.plan import PlanBody
from api.schemas.problems import ProblemBody
from api.schemas.projects import ProjectList, ValidateBody, ValidationBody
from tests.architecture.repository import ROOT

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = [method for methods in DOCUMENT["paths"].values() for method in methods.values()]


def test_the_document_is_what_the_routes_give() -> None:
    made = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "scripts" / "openapi")],
        capture_output=True,
        text=True,
        check=True,
        env=base_environment(),
    ).stdout
    assert json.loads(made) == DOCUMENT, "run `make openapi`"


@pytest.mark.parametrize(
    ("example", "model"),
    [
        (examples.DEPLOY, DeployBody),
        (examples.ACCEPTED, AcceptedBody),
        (examples.COMPLETED, DeploymentBody),
        (examples.CANCELLING, DeploymentBody),
        (examples.PAGE, DeploymentPage),
        (examples.PROGRESS, ProgressBody),
        (examples.PLAN, PlanBody),
        (examples.ACAP_CONFIG, AcapConfigBody),
        (examples.DESTRUCTION, DestructionBody),
        (examples.ARTIFACTS, ArtifactList),
        (examples.LOG_PAGE, LogPage),
        (examples.VERIFICATION, VerificationBody),
        (examples.LIVE, LivenessBody),
        (examples.HEALTH, HealthBody),
        (examples.WORKER_HEALTH, WorkerHealthBody),
        (examples.VERSION, VersionBody),
        (examples.VALIDATE, ValidateBody),
        (examples.VALIDATION, ValidationBody),
        (examples.PROJECTS, ProjectList),
        *((item["value"], ProblemBody) for item in DOCUMENT["components"]["examples"].values()),
    ],
)
def test_an_example_has_the_fields_of_its_body(
    example: dict[str, Any], model: type[BaseModel]
) -> None:
    model.model_validate(example)
    assert set(example) <= set(model.model_fields)


def test_every_operation_has_an_id_of_its_own_words_and_an_example() -> None:
    ids = [item["operationId"] for item in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for operation in OPERATIONS:
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])
        assert operation["description"]
        answer = next(iter(operation["responses"].values()))
        assert any("example" in content for content in answer["content"].values())


def test_every_problem_that_a_route_names_is_explained() -> None:
    named = {
        code
        for operation in OPERATIONS
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for code in content.get("examples", {})
    }
    assert named <= set(KINDS)
    assert all(kind.meaning.endswith(".") and kind.next_step for kind in KINDS.values())
