"""Visibility queries for deployments, and the cursors of their pages."""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from datetime import datetime

from deployments.deployment import Stack, Status
from deployments.errors import FieldProblem, InvalidRequest
from deployments.execution import Caller, DeploymentFilter
from deployments.phase import Phase
from deployments.subject import Subject
from deployments.templates import TEMPLATES
from deployments.temporal_names import DEPLOYMENT_WORKFLOW, REPORTED_PROBLEMS, Attribute
from deployments.transitions import is_terminal

__all__ = [
    "PageCursors",
    "list_query",
    "open_query",
    "recent_query",
    "running_query",
    "stuck_query",
]

_DEPLOYMENTS = f"WorkflowType = '{DEPLOYMENT_WORKFLOW}'"
_RUNNING = "ExecutionStatus = 'Running'"
_CHECKSUM_BYTES = 32


def list_query(caller: Caller, filters: DeploymentFilter) -> str:
    """Match the caller's deployments that meet the filters.

    Raises:
        InvalidRequest: a value has characters that the query language could interpret.
    """
    parts = [
        _DEPLOYMENTS,
        f"{Attribute.TENANT} = {_quoted(caller.tenant)}",
        f"{Attribute.OWNER} = {_quoted(caller.owner)}",
    ]
    parts += [
        f"{attribute} = {_quoted(value)}"
        for attribute, value in filters.attributes.items()
        if value is not None
    ]
    if filters.project is not None:
        prefixes = (
            Stack(template, filters.project, "", caller.tenant).id for template in TEMPLATES
        )
        matches = (f"{Attribute.STACK} STARTS_WITH {_quoted(prefix)}" for prefix in prefixes)
        parts.append(f"({' OR '.join(matches)})")
    if filters.status is not None:
        parts.append(_status_query(filters.status))
    return " AND ".join(parts)


def running_query(*phases: Phase) -> str:
    """Match all open deployments, by default in any phase."""
    if not phases:
        return f"{_DEPLOYMENTS} AND {_RUNNING}"
    either = ", ".join(f"'{phase}'" for phase in phases)
    return f"{_DEPLOYMENTS} AND {_RUNNING} AND {Attribute.PHASE} IN ({either})"


def stuck_query() -> str:
    """Match the open deployments that the server reports: their workflow task fails repeatedly.

    A server before 1.30 refuses the query.
    """
    return f"{running_query()} AND {REPORTED_PROBLEMS} IS NOT NULL"


def open_query(subject: Subject) -> str:
    """Match the open deployments that count for a subject."""
    parts = [f"{attribute} = {_quoted(value)}" for attribute, value in subject.attributes]
    return " AND ".join([_DEPLOYMENTS, _RUNNING, *parts])


def recent_query(since: datetime) -> str:
    """Match all deployments that are open or closed since a time of Temporal's clock."""
    return f"{_DEPLOYMENTS} AND ({_RUNNING} OR CloseTime > '{since.isoformat()}')"


def _status_query(status: Status) -> str:
    """Match the effective status: a workflow that was terminated leaves an outdated attribute."""
    recorded = f"{Attribute.STATUS} = '{status}'"
    if not is_terminal(status):
        return f"({recorded} AND {_RUNNING})"
    if status is not Status.NEEDS_ATTENTION:
        return recorded
    alive = ", ".join(f"'{status}'" for status in Status.known() if not is_terminal(status))
    return f"({recorded} OR (ExecutionStatus != 'Running' AND {Attribute.STATUS} IN ({alive})))"


def _quoted(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,200}", value, re.ASCII):
        raise InvalidRequest("A filter may hold letters, digits, dots and hyphens only.")
    return f"'{value}'"


class PageCursors:
    """Page tokens as texts for callers, with a keyed checksum: nothing else reaches Temporal.

    Temporal answers a wrong token like a fault of the server. The first key writes, each reads;
    without keys the cursors are valid in this process.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = tuple(keys) or (os.urandom(_CHECKSUM_BYTES),)

    def write(self, query: str, token: bytes) -> str:
        """Encode the token of the next page of a list."""
        return base64.urlsafe_b64encode(_checksum(self._keys[0], query, token) + token).decode()

    def read(self, query: str, cursor: str | None) -> bytes | None:
        """Decode a page token; raises InvalidRequest for a forged cursor or of another list."""
        if cursor is None:
            return None
        try:
            content = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            content = b""
        checksum, token = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        expected = (_checksum(key, query, token) for key in self._keys)
        if not token or not any(hmac.compare_digest(checksum, each) for each in expected):
            raise InvalidRequest(
                "The cursor does not belong to this list.",
                FieldProblem(
                    "/cursor", "cursor", "Use next_cursor of an earlier page, same filters."
                ),
            )
        return token


def _checksum(key: bytes, query: str, token: bytes) -> bytes:
    return hmac.digest(key, b"page cursor\0" + query.encode() + b"\0" + token, hashlib.sha256)
