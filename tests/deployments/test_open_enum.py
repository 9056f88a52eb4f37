"""A value that only another release knows reads as `UNKNOWN`, through every reader."""

import importlib
import json
import pkgutil
from enum import Enum

import msgspec
import pytest
from temporalio.converter import value_to_type

import activities
import deployments
from deployments.deployment import DeploymentResult
from deployments.events import EndKind, EndRecord
from deployments.open_enum import OpenEnum
from deployments.step import StepResult

# Not read from Temporal or a store: a value exists within a process alone, or (Evidence) in a file
# that is released with the code, whose unknown values are refused.
CLOSED = {
    "Evidence",
    *("Action", "LimitHolder", "RetainReason", "VariableKind", "Verdict", "WorkflowState"),
    *("Attribute", "Memo", "Signal", "_Answer"),
}


def _enums() -> dict[str, type[Enum]]:
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in (deployments, activities)
        for module in pkgutil.iter_modules(package.__path__)
    ]
    return {
        kind.__name__: kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Enum) and kind.__module__ == module.__name__
    }


OPEN = {name: kind for name, kind in _enums().items() if name not in CLOSED | {"OpenEnum"}}


def test_an_enum_is_open_or_never_read_from_other_programs() -> None:
    assert _enums().keys() >= CLOSED
    assert [name for name, kind in OPEN.items() if not issubclass(kind, OpenEnum)] == []


@pytest.mark.parametrize("kind", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("text", ["of another release", "", "UNKNOWN", "x" * 10_000, "\0"])
def test_an_unknown_text_reads_as_the_neutral_member(kind: type[OpenEnum], text: str) -> None:
    neutral = kind["UNKNOWN"]
    assert kind(text) is neutral
    assert msgspec.json.decode(json.dumps(text), type=kind) is neutral
    assert msgspec.convert(text, kind) is neutral
    assert value_to_type(kind, text) is neutral
    assert neutral not in kind.known()


@pytest.mark.parametrize("kind", OPEN.values(), ids=OPEN)
def test_a_value_that_is_no_text_is_refused(kind: type[OpenEnum]) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected"):
        msgspec.convert(5, kind)


def test_a_result_of_another_release_is_read() -> None:
    text = json.dumps(
        {
            "status": "x",
            "reason": "x",
            "phase": "x",
            "errors": [{"cause": "x", "message": "m", "severity": "x", "actor": "x"}],
            "seals": [{"step": 1, "end": "x", "lines": 1, "sha256": "a"}],
            "later": True,
        }
    )
    result = msgspec.json.decode(text, type=DeploymentResult)
    assert result.errors[0].message == "m"
    assert result.seals[0].end is EndKind.UNKNOWN


def test_a_step_result_of_another_release_is_read() -> None:
    key = {"deployment": "d", "step": 1}
    text = json.dumps({"key": key, "phase": "x", "outcome": "x", "stop": "x"})
    assert msgspec.json.decode(text, type=StepResult).key.step == 1


def test_the_log_of_another_release_has_an_end() -> None:
    fields = {"id": "1-3", "end": "x", "lines": 2, "sha256": "a"}
    record = EndRecord.from_fields(fields)
    assert (record.end, record.lines, record.has_hole) == (EndKind.UNKNOWN, 2, True)
