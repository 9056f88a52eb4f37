"""Lists of deployments: the query that Temporal gets, and cursors."""

import base64
import hashlib
import re
from dataclasses import dataclass

from deployments.deployment import Stack, Status
from deployments.errors import FieldProblem, InvalidRequest
from deployments.templates import TEMPLATES
from deployments.temporal_names import Attribute
from deployments.transitions import is_terminal

__all__ = ["Filters", "query_for", "read_cursor", "write_cursor"]

# Long enough to tell a cursor from anything else; it is no secret.
_CHECKSUM_BYTES = 9


@dataclass(frozen=True)
class Filters:
    """What a list shall show; values are checked where they enter a query."""

    status: Status | None = None
    project: str | None = None
    stack: str | None = None


def query_for(owner: str, filters: Filters) -> str:
    """The visibility query of a list."""
    parts = ["WorkflowType = 'DeploymentWorkflow'", f"{Attribute.OWNER} = {_quoted(owner)}"]
    if filters.stack is not None:
        parts.append(f"{Attribute.STACK} = {_quoted(filters.stack)}")
    if filters.project is not None:
        starts = (Stack(template, filters.project, prefix="").id for template in TEMPLATES)
        either = " OR ".join(f"{Attribute.STACK} STARTS_WITH {_quoted(start)}" for start in starts)
        parts.append(f"({either})")
    if filters.status is not None:
        parts.append(_status_query(filters.status))
    return " AND ".join(parts)


def _status_query(status: Status) -> str:
    """The attribute, except where the workflow was ended before it could write one."""
    plain = f"{Attribute.STATUS} = '{status}'"
    if not is_terminal(status):
        return f"({plain} AND ExecutionStatus = 'Running')"
    if status is not Status.NEEDS_ATTENTION:
        return plain
    alive = ", ".join(f"'{item}'" for item in Status if not is_terminal(item))
    return f"({plain} OR (ExecutionStatus != 'Running' AND {Attribute.STATUS} IN ({alive})))"


def _quoted(value: str) -> str:
    """A literal of the query language; everything that could end one is refused."""
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,200}", value, re.ASCII):
        raise InvalidRequest("A filter may hold letters, digits, dots and hyphens only.")
    return f"'{value}'"


def write_cursor(query: str, token: bytes) -> str:
    """A page token with a checksum: Temporal answers a token that is none as if it were broken."""
    return base64.urlsafe_b64encode(_checksum(query, token) + token).decode()


def read_cursor(query: str, cursor: str | None) -> bytes | None:
    """The page token of a cursor.

    Raises:
        InvalidRequest: it belongs to no list with this query.
    """
    if cursor is None:
        return None
    try:
        content = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        content = b""
    checksum, token = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if not token or checksum != _checksum(query, token):
        raise InvalidRequest(
            "The cursor is none of this list.",
            FieldProblem("/cursor", "cursor", "Use next_cursor of an earlier page, same filters."),
        )
    return token


def _checksum(query: str, token: bytes) -> bytes:
    return hashlib.sha256(query.encode() + b"\0" + token).digest()[:_CHECKSUM_BYTES]
