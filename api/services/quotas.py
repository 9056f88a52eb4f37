"""Limits of a subject: how many deployments it may have open, and how many it may create a minute.

Temporal knows the open deployments; this process remembers only what it started in the last minute,
since Temporal lists a deployment a moment after the start. Several APIs count creates each by
itself, and a burst over all of them can exceed the open deployments by what one API starts in
`_UNLISTED_SECONDS`.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

from deployments.errors import TooManyCreates, TooManyDeployments
from deployments.subject import Subject, SubjectLimits

__all__ = ["Quotas"]

_MINUTE = 60.0
# A start takes 5 s at most; SQL then lists the deployment within 20 ms, Elasticsearch within 1 s.
_UNLISTED_SECONDS = 10.0
# Another deployment must end first; a sandbox takes half a minute.
_RETRY_SECONDS = 30.0


class OpenDeployments(Protocol):
    """The ids of a subject's open deployments, at most so many."""

    async def open_ids(self, subject: Subject, at_most: int) -> set[str]: ...


class Quotas:
    """Admits the creates of each subject within the limits; `clock` counts seconds."""

    def __init__(
        self,
        executions: OpenDeployments,
        limits: SubjectLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executions = executions
        self._limits = limits
        self._clock = clock
        # The admitted deployments of the last minute, oldest first, with their times.
        self._admitted: dict[Subject, dict[str, float]] = {}

    async def admit(self, subject: Subject, deployment: str) -> None:
        """Admit a create, which counts from now on; a repeat counts once.

        Raises:
            TooManyCreates: the subject created too many deployments in the last minute.
            TooManyDeployments: the subject has too many open deployments.
        """
        admitted = self._last_minute(subject)
        if deployment in admitted:
            return
        if len(admitted) >= self._limits.creates_per_minute:
            oldest = next(iter(admitted.values()))
            raise TooManyCreates(
                f"The limit is {self._limits.creates_per_minute} deployments a minute.",
                retry_seconds=math.ceil(oldest + _MINUTE - self._clock()),
            )
        # Before the question: of creates that arrive together each counts those before it.
        since = self._clock() - _UNLISTED_SECONDS
        unlisted = {id for id, at in admitted.items() if at > since}
        admitted[deployment] = self._clock()
        self._admitted[subject] = admitted
        try:
            await self._check_open(subject, deployment, unlisted)
        except BaseException:
            admitted.pop(deployment, None)
            raise

    async def _check_open(self, subject: Subject, deployment: str, unlisted: set[str]) -> None:
        most = self._limits.open_deployments
        open_ids = await self._executions.open_ids(subject, most + 1)
        if len((open_ids | unlisted) - {deployment}) >= most:
            raise TooManyDeployments(
                f"The limit is {most} deployments that wait or run at once.",
                retry_seconds=_RETRY_SECONDS,
            )

    def _last_minute(self, subject: Subject) -> dict[str, float]:
        """The admitted creates of a subject; forgets the older ones, and subjects without any."""
        admitted = self._admitted.get(subject, {})
        since = self._clock() - _MINUTE
        while admitted and next(iter(admitted.values())) <= since:
            del admitted[next(iter(admitted))]
        if not admitted:
            self._admitted.pop(subject, None)
        return admitted
