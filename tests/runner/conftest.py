"""Steps for the runner's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.steps import Step, terraform_binary
from tests.support.processes import processes_below


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    """A step with an empty working directory; nothing of it may live when the test is over."""
    one = Step(tmp_path)
    yield one
    left = processes_below(one.work)
    one.end()
    assert left == []


@pytest.fixture
def sandbox(step: Step) -> Step:
    """A step whose working directory is an initialised sandbox."""
    step.copy_sandbox()
    step.variables()
    step.terraform("init", "-json")
    return step


@pytest.fixture
def terraform() -> str:
    return terraform_binary()
