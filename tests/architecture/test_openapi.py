"""docs/openapi.json says what the routes say, and its examples are such as the routes give."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from adapters.settings import base_environment
from api import schemas
from api.pages.presenters import example_of, operations
from api.problems import KINDS
from api.schemas.problems import ProblemBody
from tests.support.repository import ROOT

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = [method for methods in DOCUMENT["paths"].values() for method in methods.values()]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for module in pkgutil.iter_modules(schemas.__path__)
    for model in vars(importlib.import_module(f"api.schemas.{module.name}")).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
}


def test_the_document_is_what_the_routes_give() -> None:
    made = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "scripts" / "openapi")],
        capture_output=True,
        text=True,
        check=True,
        env=base_environment(),
    ).stdout
    assert json.loads(made) == DOCUMENT, "run `make openapi`"


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name in MODELS])
def test_an_example_has_the_fields_of_its_body(name: str) -> None:
    examples = [example_of(SCHEMAS[name], SCHEMAS), *SCHEMAS[name].get("examples", ())]
    for example in examples:
        assert isinstance(example, dict)
        MODELS[name].model_validate(example)
        assert set(example) <= set(MODELS[name].model_fields)


def test_an_example_of_a_problem_has_the_fields_of_its_body() -> None:
    for example in DOCUMENT["components"]["examples"].values():
        ProblemBody.model_validate(example["value"])
        assert set(example["value"]) <= set(ProblemBody.model_fields)


def test_every_schema_is_a_model_of_the_api_or_an_enumeration() -> None:
    assert {name for name in SCHEMAS if "enum" not in SCHEMAS[name]} <= set(MODELS)


def test_every_operation_has_an_id_of_its_own_words_and_an_example() -> None:
    ids = [item["operationId"] for item in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for operation in OPERATIONS:
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])
        assert operation["description"]
    for shown in operations(DOCUMENT):
        examples = {status: example for status, _, example in shown.answers}
        assert examples.get("200") or examples.get("202") or "307" in examples, shown.path


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
