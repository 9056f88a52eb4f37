"""What the real provider said to each provoked failure finds the cause that was provoked."""

from pathlib import Path

import pytest

from adapters.terraform.output.messages import as_diagnostic, decode
from deployments.refusal_causes import classify
from deployments.step import Diagnostic
from tests.google_stand_in.causes import (
    PROVOKED,
)

CORPUS = Path(__file__).parent / "corpus"


CASES = sorted(path.stem for path in CORPUS.glob("*.jsonl"))


def errors(case: str) -> list[Diagnostic]:
    messages = [decode(line) for line in (CORPUS / f"{case}.jsonl").read_bytes().splitlines()]
    said = [
        as_diagnostic(message.diagnostic, message.level)
        for message in messages
        if message and message.diagnostic
    ]
    return [item for item in said if item.severity == "error"]


def test_there_is_a_corpus() -> None:
    assert len(CASES) >= 38


@pytest.mark.parametrize("case", CASES)
def test_a_provoked_failure_finds_its_cause(case: str) -> None:
    found = [classify(error) for error in errors(case)]

    assert found
    causes = {(item.reason, item.action) if item else None for item in found}
    assert causes == {PROVOKED[case]}, case
