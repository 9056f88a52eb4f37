"""What stands in a deployment's way, as one sentence with what mends it."""

from dataclasses import dataclass
from enum import StrEnum

from deployments.reasons import Reason

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    `code` names the cause; `mend` is a command or a link that mends it, empty where there is none;
    `resource` is what it is about: an address, a permission, an API, a name.
    """

    code: Reason
    message: str
    severity: Severity = Severity.BLOCKING
    next_step: str = ""
    fix: str = ""
    resource: str = ""
