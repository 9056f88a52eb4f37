"""Renews the credential of a step, so that terraform always reads a valid token.

The supervisor renews, in the worker that started the step and in the worker that re-attached.
A token is stored in the step's folder, never in Temporal.
"""

import asyncio
from dataclasses import replace
from typing import Protocol

from temporalio import activity

from deployments.credentials import Credential
from deployments.errors import SignInExpired, Unavailable
from deployments.step import StepOutcome, StepResult
from worker.steps.supervised_step import SupervisedStep

__all__ = ["CredentialProvider", "CredentialRenewal"]

# At half of the lifetime: with a token of an hour, terraform survives 30 minutes without a worker.
_RENEW_AT_SHARE = 0.5
# Minimum pause, for tokens with a lifetime of seconds.
_MIN_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 2.0
# Several minutes, since each try has retries of its own; then the deployment ends without a start.
_MAX_TRIES = 30
# An expired sign-in is not renewed within seconds; terraform runs while the token is valid.
_REFUSED_RETRY_SECONDS = 30.0


class CredentialProvider(Protocol):
    """Exchanges a reference for a token."""

    async def credential(self, reference: str) -> Credential:
        """A token with the longest lifetime that Google grants.

        Raises:
            SignInExpired: the reference is unknown, or the sign-in has expired.
            Unavailable: Google does not answer.
        """
        ...


class CredentialRenewal:
    """The credential of a step; the first token wakes the supervisor, which starts terraform."""

    def __init__(self, step: SupervisedStep, provider: CredentialProvider) -> None:
        self._step = step
        self._provider = provider
        self._stored = False
        self._tries = 0
        self._refusal: tuple[StepOutcome, str] | None = None

    @property
    def ready(self) -> bool:
        """Whether terraform can start: a token is stored, or the step needs none."""
        return self._stored or not self._step.credential_reference()

    async def run(self) -> None:
        """Renew until cancelled; return at once without a need. Raises Fenced without the claim."""
        reference = self._step.credential_reference()
        while reference:
            pause = await self._renew(reference)
            await asyncio.sleep(pause)

    def with_refusal(self, result: StepResult) -> StepResult:
        """The result; where a missing credential prevented the start, with that cause."""
        if self._refusal is None or result.outcome is not StepOutcome.NOT_STARTED:
            return result
        outcome, message = self._refusal
        return replace(result, outcome=outcome, error=message)

    async def _renew(self, reference: str) -> float:
        """Renew once; returns the pause before the next renewal, in seconds."""
        try:
            credential = await self._provider.credential(reference)
        except Unavailable as error:
            self._tries += 1
            activity.logger.warning("no new credential for %s: %s", self._step.key, error)
            if self._tries >= _MAX_TRIES:
                self._refuse(StepOutcome.START_FAILED, str(error))
            return _RETRY_SECONDS
        except SignInExpired as error:
            activity.logger.warning("no credential for %s: %s", self._step.key, error)
            self._refuse(StepOutcome.SIGN_IN_EXPIRED, str(error))
            return _REFUSED_RETRY_SECONDS
        self._tries = 0
        try:
            self._step.write_credential(credential)
        except OSError as error:
            activity.logger.warning("cannot store the credential of %s: %s", self._step.key, error)
            return _RETRY_SECONDS
        if not self._stored:
            self._stored = True
            self._step.output.wake()
        return max(_MIN_PAUSE_SECONDS, credential.seconds * _RENEW_AT_SHARE)

    def _refuse(self, outcome: StepOutcome, message: str) -> None:
        """End a step that has not started; a started terraform runs while the token is valid."""
        if self._step.runner.withdraw():
            self._refusal = outcome, message
