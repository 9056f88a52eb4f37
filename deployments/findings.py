"""A finding: a report of preflight on a project, or an error of a deployment."""

from dataclasses import dataclass, replace

from deployments.errors import Audience
from deployments.explanations import Actor, explain, without_retry
from deployments.open_enum import OpenEnum
from deployments.payload_size import Cuttable, Omissible
from deployments.reasons import Reason

__all__ = ["Effect", "Finding", "Severity", "finding", "with_severity"]


class Severity(OpenEnum):
    """How much a finding matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"
    UNKNOWN = "unknown"


class Effect(OpenEnum):
    """What a finding does to the deployment.

    `fatal` ends the deployment, `repeated` leads to another try until a limit, `harmless` changes
    nothing.
    """

    FATAL = "fatal"
    REPEATED = "repeated"
    HARMLESS = "harmless"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding(Cuttable, Omissible):
    """A cause with a sentence for people and a way to fix the cause.

    `fix` is a command or a link; `resource` is an address in the template, a permission, an API or
    a name; `audience` must act, `actor` more precisely; `effect` is what the finding does to the
    deployment; `detail`, `file` and `line` are terraform's. The cause of a warning of terraform is
    `none`.
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
    actor: Actor = Actor.PERSON
    effect: Effect = Effect.FATAL


def finding(
    cause: Reason,
    message: str = "",
    severity: Severity = Severity.BLOCKING,
    fix: str = "",
    resource: str = "",
    next_step: str = "",
) -> Finding:
    """A finding of a cause outside terraform.

    Without `message` or `next_step` the cause's own text is used.
    """
    explanation = explain(cause)
    return Finding(
        cause=cause,
        message=message or explanation.message,
        severity=severity,
        next_step=next_step or without_retry(explanation.next_step),
        fix=fix,
        audience=explanation.audience,
        resource=resource,
        actor=explanation.actor,
        effect=_effect(severity),
    )


def with_severity(item: Finding, severity: Severity) -> Finding:
    """A finding outside terraform with another severity, and what follows from it."""
    return replace(
        item,
        severity=severity,
        effect=_effect(severity),
        next_step=without_retry(item.next_step),
    )


def _effect(severity: Severity) -> Effect:
    return Effect.FATAL if severity is Severity.BLOCKING else Effect.HARMLESS
