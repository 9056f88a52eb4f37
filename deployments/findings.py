"""A finding: what preflight reports about a project, or an error of a deployment."""

from dataclasses import dataclass
from enum import StrEnum

from deployments.errors import Audience
from deployments.reasons import Reason

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """A cause with a sentence for people, and how to fix it.

    Attributes:
        cause: `none` for a warning of terraform, which has no cause of ours.
        message: a sentence for people.
        severity: whether it stops the deployment.
        next_step: a sentence for people.
        fix: a command or a link; empty where there is none.
        audience: who must act.
        resource: what it concerns: an address in the template, a permission, an API or a name.
        detail: terraform's own text.
        file: file of the template; empty where terraform names none.
        line: line in `file`.
    """

    cause: Reason
    message: str
    severity: Severity = Severity.BLOCKING
    next_step: str = ""
    fix: str = ""
    audience: Audience = Audience.USER
    resource: str = ""
    detail: str = ""
    file: str = ""
    line: int = 0
