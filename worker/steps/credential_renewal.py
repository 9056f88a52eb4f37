"""Renews the credential of a step, so that its terraform always finds a fresh token.

Whoever keeps the step does it, the worker that started it or the one that adopted it. A token
lies in the step's folder, never in Temporal.
"""

import asyncio
from dataclasses import replace

from temporalio import activity

from deployments.credentials import CredentialProvider
from deployments.errors import SignInExpired, Unavailable
from deployments.ports import StepFolder
from deployments.step import StepOutcome, StepResult

__all__ = ["CredentialRenewal"]

# At half of its life: of an hour's token a dead worker may so be away for half an hour.
_SHARE = 0.5
# What is given out for seconds only must not be asked for without pause.
_SHORTEST_PAUSE_SECONDS = 1.0
_AGAIN_SECONDS = 2.0
# Some minutes, since each try has its own patience; then the deployment ends instead of waiting.
_MOST_TRIES = 30
# A sign-in that has ended does not come back in seconds; terraform goes on while its token lasts.
_REFUSED_AGAIN_SECONDS = 30.0


class CredentialRenewal:
    """The credential of one step.

    Args:
        folder: the step; where its order names no credential there is nothing to do.
        mint: makes the tokens.
    """

    def __init__(self, folder: StepFolder, provider: CredentialProvider) -> None:
        self._folder = folder
        self._provider = provider
        self._there = False
        self._tries = 0
        self._refusal: tuple[StepOutcome, str] | None = None

    @property
    def ready(self) -> bool:
        """Whether terraform would find what it needs."""
        return self._there or not self._folder.credential_reference()

    async def run(self) -> None:
        """Renew for as long as there is something to renew.

        Raises:
            Fenced: another worker has claimed the step.
        """
        reference = self._folder.credential_reference()
        while reference:
            pause = await self._renew(reference)
            await asyncio.sleep(pause)

    def judged(self, result: StepResult) -> StepResult:
        """The result; a step that never began for want of a credential says so."""
        if self._refusal is None or result.outcome is not StepOutcome.NOT_STARTED:
            return result
        outcome, words = self._refusal
        return replace(result, outcome=outcome, error=words)

    async def _renew(self, reference: str) -> float:
        """One renewal; how many seconds the next one can wait."""
        try:
            credential = await self._provider.provider(reference)
        except Unavailable as error:
            self._tries += 1
            activity.logger.warning("no new credential for %s: %s", self._folder.key, error)
            if self._tries >= _MOST_TRIES:
                self._give_up(StepOutcome.START_FAILED, str(error))
            return _AGAIN_SECONDS
        except SignInExpired as error:
            activity.logger.warning("no credential for %s: %s", self._folder.key, error)
            self._give_up(StepOutcome.SIGN_IN_EXPIRED, str(error))
            return _REFUSED_AGAIN_SECONDS
        self._tries = 0
        try:
            self._folder.write_credential(credential)
        except OSError as error:
            activity.logger.warning("the credential of %s: %s", self._folder.key, error)
            return _AGAIN_SECONDS
        if not self._there:
            self._there = True
            self._folder.wake()
        return max(_SHORTEST_PAUSE_SECONDS, credential.seconds * _SHARE)

    def _give_up(self, outcome: StepOutcome, words: str) -> None:
        """End a step that has not begun; one that runs goes on while its token lasts."""
        if not self._folder.look().started and self._folder.withdraw():
            self._refusal = outcome, words
