"""The table of phases agrees with all that is keyed by a phase."""

from dataclasses import fields

import pytest
from typer.main import get_command

from adapters.terraform.command import phase_argv
from api.schemas.deployments import TimeoutsBody
from cli.main import app
from deployments.phase import PHASES, TERRAFORM_PHASES, Phase
from deployments.timings import PhaseTimeouts, Timings


def test_every_phase_has_its_row_in_order() -> None:
    assert list(PHASES) == list(Phase)


@pytest.mark.parametrize("phase", TERRAFORM_PHASES)
def test_a_phase_that_runs_terraform_has_a_command_a_deadline_and_a_no_progress_limit(
    phase: Phase,
) -> None:
    assert phase_argv("terraform", phase)[1] == phase
    assert PhaseTimeouts().deadline_seconds(phase) > 0
    assert Timings().no_progress_limit_seconds(phase) > 0


def test_no_deadline_is_left_over() -> None:
    named = {field.name for field in fields(PhaseTimeouts)}
    assert named == {f"{phase}_seconds" for phase in TERRAFORM_PHASES}


def test_the_three_reasons_of_the_phases_are_all_different() -> None:
    reasons = [
        reason
        for row in TERRAFORM_PHASES.values()
        for reason in (row.failed, row.timed_out, row.stalled)
    ]
    assert len(set(reasons)) == 3 * len(TERRAFORM_PHASES)


def test_a_request_and_the_command_line_set_the_deadline_of_every_phase() -> None:
    """A new phase could be given no deadline by a customer: two lists did not name it."""
    limits = {f"{phase}_seconds" for phase in TERRAFORM_PHASES}
    options = {option.name for option in get_command(app).commands["deploy"].params}  # type: ignore[attr-defined] # it is a group

    assert set(TimeoutsBody.model_fields) == limits
    assert limits <= options
