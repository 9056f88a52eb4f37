"""The subject of limits and of the fair queue: today the owner, with tenants the tenant.

`subject_of` alone decides who is a subject.
"""

import hashlib
import json
from dataclasses import dataclass

from deployments.execution import Caller
from deployments.temporal_names import Attribute

__all__ = ["Subject", "SubjectLimits", "subject_of"]

# Temporal's limit of a fairness key.
_MAX_KEY_BYTES = 64


@dataclass(frozen=True)
class SubjectLimits:
    """How many deployments a subject may have open, waiting or running, and create a minute."""

    open_deployments: int = 50
    creates_per_minute: int = 120


@dataclass(frozen=True)
class Subject:
    """Whose deployments count together: those with all of these search attributes."""

    attributes: tuple[tuple[Attribute, str], ...]

    @property
    def key(self) -> str:
        """The fairness key: at most 64 bytes, readable where the names are short."""
        text = "/".join(value for _, value in self.attributes)
        if len(text.encode()) <= _MAX_KEY_BYTES:
            return text
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """A name for files: 64 hex digits, different for each subject."""
        return hashlib.sha256(json.dumps(self.attributes).encode()).hexdigest()


def subject_of(caller: Caller) -> Subject:
    """The subject of a caller's deployments."""
    return Subject(((Attribute.TENANT, caller.tenant), (Attribute.OWNER, caller.owner)))
