"""The credential of a step: there before terraform, renewed at half of its life, never fatal."""

import asyncio

import pytest

from deployments.credentials import Credential
from deployments.errors import SignInExpired, Unavailable
from deployments.phase import Phase
from deployments.step import StepKey, StepOutcome, StepResult
from tests.support.servers import eventually
from tests.worker.steps.supervising import FakeStep
from worker.steps.credential_renewal import CredentialRenewal

KEY = StepKey("dep-1", 3)
NOT_STARTED = StepResult(KEY, Phase.APPLY, StepOutcome.NOT_STARTED)


class CredentialedStep(FakeStep):
    """A step whose order names a credential; withdrawn unless it has started."""

    def __init__(self, reference: str = "service") -> None:
        super().__init__()
        self.reference = reference
        self.written: list[str] = []
        self.started = False
        self.withdrawn = False

    def credential_reference(self) -> str:
        return self.reference

    def write_credential(self, credential: Credential) -> None:
        self.written.append(credential.token)

    def withdraw(self, error: str = "") -> bool:
        self.withdrawn = not self.started
        return self.withdrawn


class FakeProvider:
    """Numbers its tokens; refuses or is away as it is told."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[str] = []
        self.trouble: Exception | None = None

    async def credential(self, reference: str) -> Credential:
        self.asked.append(reference)
        if self.trouble is not None:
            raise self.trouble
        return Credential(f"token-{len(self.asked)}", self.seconds)


def renewal(step: CredentialedStep, provider: FakeProvider) -> CredentialRenewal:
    return CredentialRenewal(step, provider)


async def test_a_token_is_there_before_terraform_and_renewed_at_half_of_its_life() -> None:
    step, provider = CredentialedStep(), FakeProvider(4)
    made = renewal(step, provider)
    assert not made.ready
    clock = asyncio.get_running_loop().time
    began = clock()
    task = asyncio.create_task(made.run())
    await eventually(lambda: made.ready, "the first token")
    assert clock() - began < 1
    await eventually(lambda: len(step.written) == 2, "the second token")
    assert 1.9 < clock() - began < 4
    task.cancel()
    assert step.written == ["token-1", "token-2"]
    assert set(provider.asked) == {"service"}


async def test_a_step_without_a_reference_asks_nobody() -> None:
    step, provider = CredentialedStep(""), FakeProvider(4)
    made = renewal(step, provider)
    assert made.ready
    await made.run()
    assert (step.written, provider.asked) == ([], [])


@pytest.mark.parametrize("trouble", [Unavailable("away"), SignInExpired("signed out")])
async def test_a_token_that_cannot_be_renewed_stops_no_terraform(trouble: Exception) -> None:
    step, provider = CredentialedStep(), FakeProvider(0.1)
    made = renewal(step, provider)
    task = asyncio.create_task(made.run())
    await eventually(lambda: made.ready, "the first token")
    step.started = True
    provider.trouble = trouble
    await eventually(lambda: len(provider.asked) == 2, "the second try")
    assert not task.done()
    assert not step.withdrawn
    assert made.ready
    if isinstance(trouble, Unavailable):
        provider.trouble = None
        await eventually(lambda: len(step.written) == 2, "the second token")
    task.cancel()


async def test_a_refused_credential_ends_a_step_that_has_not_begun_and_says_why() -> None:
    step, provider = CredentialedStep(), FakeProvider(1)
    provider.trouble = SignInExpired("signed out")
    made = renewal(step, provider)
    task = asyncio.create_task(made.run())
    await eventually(lambda: step.withdrawn, "the withdrawal")
    task.cancel()
    result = made.with_refusal(NOT_STARTED)
    assert (result.outcome, result.error) == (StepOutcome.SIGN_IN_EXPIRED, "signed out")
    done = StepResult(KEY, Phase.APPLY, StepOutcome.DONE)
    assert made.with_refusal(done) is done


def test_a_token_is_in_no_representation() -> None:
    assert "planted" not in f"{Credential('planted', 1, 'a@b')!r} {Credential('planted', 1)}"
