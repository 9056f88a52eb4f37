"""A finding: a report of preflight on a project, or an error of a deployment."""

from dataclasses import dataclass
from enum import StrEnum

from deployments.errors import Audience
from deployments.payload_size import Cuttable, Omissible
from deployments.reasons import Reason, explain

__all__ = ["Finding", "Severity", "finding"]


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding(Cuttable, Omissible):
    """A cause with a sentence for people and a way to fix the cause.

    `fix` is a command or a link; `resource` is an address in the template, a permission, an API or
    a name; `audience` must act; `detail`, `file` and `line` are terraform's. The cause of a warning
    of terraform is `none`.
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


def finding(
    cause: Reason,
    message: str = "",
    severity: Severity = Severity.BLOCKING,
    fix: str = "",
    resource: str = "",
) -> Finding:
    """A finding of a cause; without `message` the cause's own message is used."""
    explanation = explain(cause)
    next_step, audience = explanation.next_step, explanation.audience
    text = message or explanation.message
    return Finding(cause, text, severity, next_step, fix, audience, resource)
