"""Limits of a subject: how many deployments it may have open, and how many it may create a minute.

Temporal knows the open deployments; this process remembers only what it started in the last minute,
since Temporal lists a deployment a moment after the start. Several APIs count creates each by
itself, and a burst over all of them can exceed the open deployments by what one API starts in
`_UNLISTED_SECONDS`.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass
class _Create:
    """A create that counts since the time `at`; `checks` of it wait for Temporal."""

    at: float
    checks: int = 0
    is_admitted: bool = False


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
        # The creates of the last minute, oldest first.
        self._admitted: dict[Subject, dict[str, _Create]] = {}

    async def admit(self, subject: Subject, deployment: str) -> None:
        """Admit a create, which counts from now on; a repeat counts once.

        A repeat is checked as well until the create is admitted.

        Raises:
            TooManyCreates: the subject created too many deployments in the last minute.
            TooManyDeployments: the subject has too many open deployments.
        """
        creates = self._last_minute(subject)
        create = creates.get(deployment) or self._begin(subject, creates, deployment)
        if create.is_admitted:
            return
        create.checks += 1
        try:
            await self._check_open(subject, deployment, self._unlisted_before(creates, deployment))
            create.is_admitted = True
        finally:
            create.checks -= 1
            # A repeat that still waits has its own verdict, and counts until then.
            if not (create.is_admitted or create.checks):
                creates.pop(deployment, None)

    def _begin(self, subject: Subject, creates: dict[str, _Create], deployment: str) -> _Create:
        """Count a create, before the check: creates that arrive together count each other."""
        now = self._clock()
        if len(creates) >= self._limits.creates_per_minute:
            oldest = next(iter(creates.values()))
            raise TooManyCreates(
                f"The limit is {self._limits.creates_per_minute} deployments a minute.",
                retry_seconds=math.ceil(oldest.at + _MINUTE - now),
            )
        create = creates[deployment] = _Create(now)
        self._admitted[subject] = creates
        return create

    def _unlisted_before(self, creates: dict[str, _Create], deployment: str) -> set[str]:
        """The creates before this one that Temporal may not list yet."""
        since = self._clock() - _UNLISTED_SECONDS
        before = itertools.takewhile(lambda id: id != deployment, creates)
        return {id for id in before if creates[id].at > since}

    async def _check_open(self, subject: Subject, deployment: str, unlisted: set[str]) -> None:
        most = self._limits.open_deployments
        open_ids = await self._executions.open_ids(subject, most + 1)
        if len((open_ids | unlisted) - {deployment}) >= most:
            raise TooManyDeployments(
                f"The limit is {most} deployments that wait or run at once.",
                retry_seconds=_RETRY_SECONDS,
            )

    def _last_minute(self, subject: Subject) -> dict[str, _Create]:
        """The creates of a subject; forgets the older ones, and subjects without any."""
        admitted = self._admitted.get(subject, {})
        since = self._clock() - _MINUTE
        while admitted and next(iter(admitted.values())).at <= since:
            del admitted[next(iter(admitted))]
        if not admitted:
            self._admitted.pop(subject, None)
        return admitted
