"""What an error says besides its message."""

import re
from pathlib import Path

import pytest

from deployments import errors
from deployments.errors import (
    AlreadyFinished,
    AnavaError,
    Audience,
    FieldProblem,
    HostFault,
    InvalidRequest,
    InvalidSettings,
    NotAvailable,
    NotFound,
    StateOnAnotherHost,
    StepMoved,
    Unavailable,
)

ROOT = Path(__file__).resolve().parent.parent.parent
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, AnavaError)
]


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_has_a_sentence_an_audience_an_advice(error: type[AnavaError]) -> None:
    assert re.match(r"[A-Z].+\.", error.__doc__ or "")
    assert error.audience in Audience
    assert re.fullmatch(r"[A-Z].+\w\.(\w+\.)?", error.next_step)


@pytest.mark.parametrize("error", CLASSES)
def test_a_runbook_that_an_advice_names_is_there(error: type[AnavaError]) -> None:
    for link in re.findall(r"docs/[\w/.-]+\.md", error.next_step):
        assert (ROOT / link).is_file(), link


@pytest.mark.parametrize("error", CLASSES)
def test_only_what_is_unavailable_is_worth_another_try(error: type[AnavaError]) -> None:
    # A retry may reach the host that has the state.
    assert error.retryable is issubclass(error, Unavailable | StateOnAnotherHost)


@pytest.mark.parametrize("error", CLASSES)
def test_a_fault_of_ours_is_told_to_operators_and_a_wrong_request_to_its_sender(
    error: type[AnavaError],
) -> None:
    if issubclass(error, HostFault | StepMoved | Unavailable | InvalidSettings):
        assert error.audience is Audience.OPERATOR
    if issubclass(error, InvalidRequest | NotFound | AlreadyFinished):
        assert error.audience is Audience.USER


def test_every_error_can_be_imported_by_name() -> None:
    assert {error.__name__ for error in CLASSES} <= set(errors.__all__)


def test_an_invalid_request_carries_its_problems() -> None:
    problem = FieldProblem("/prefix", "pattern", "wrong")
    assert InvalidRequest("words", problem).problems == (problem,)
    assert NotAvailable("words").problems == ()
    assert str(NotAvailable("words", problem)) == "words"
