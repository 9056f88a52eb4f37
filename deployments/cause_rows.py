"""A row of the table of causes: the conditions of a match, the reaction, and who must act."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from deployments.explanations import Actor, explain
from deployments.findings import Effect, Finding, finding
from deployments.google_errors import GoogleError
from deployments.reasons import Reason

__all__ = ["Action", "CauseRow", "find_row"]


class Action(StrEnum):
    """The reaction to a refusal."""

    FAIL = "fail"
    USER_ACTION = "user_action"
    IMPORT = "import"
    WAIT = "wait"
    RETRY = "retry"

    @property
    def effect(self) -> Effect:
        """Whether the refusal ends the deployment or leads to another try."""
        return Effect.FATAL if self in (Action.FAIL, Action.USER_ACTION) else Effect.REPEATED


@dataclass(frozen=True)
class CauseRow:
    """A cause and the conditions of a match; an empty condition always holds.

    `codes` are HTTP codes, `reasons` Google's reasons, of which a single match is enough, `pattern`
    a regular expression over message, reasons and descriptions of violations, `type` the type of
    the refused resource, `named` and `unnamed` values that the error has or has not. `message`,
    `fix` and `next_step` may contain Google's values in braces; without such a value the reason's
    own text is used, and no fix. `source` is public: an address, a repository's file or issue, or
    the recording in this repository.
    """

    reason: Reason
    action: Action
    source: str
    codes: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    pattern: str = ""
    type: str = ""
    named: str = ""
    unnamed: str = ""
    message: str = ""
    fix: str = ""
    next_step: str = ""
    by: Actor | None = None

    @property
    def actor(self) -> Actor:
        """Who must act: the row's own actor, else the reason's."""
        return self.by or explain(self.reason).actor

    def matches(self, error: GoogleError, resource: str = "") -> bool:
        """Whether an error of the resource at this address has the row's cause."""
        if self.codes and error.http not in self.codes:
            return False
        if self.reasons and error.reasons.isdisjoint(self.reasons):
            return False
        if self.type and self.type not in resource.split("."):
            return False
        if (self.named and self.named not in error.values) or self.unnamed in error.values:
            return False
        text = "\n".join((error.message, *sorted(error.reasons), *error.descriptions))
        return re.search(self.pattern, text, re.IGNORECASE) is not None

    def finding(self, error: GoogleError, resource: str) -> Finding:
        """The finding for an error that matches."""
        known = finding(
            self.reason,
            _filled(self.message, error),
            fix=_filled(self.fix, error),
            resource=resource,
            # Within terraform a retry may follow.
            next_step=_filled(self.next_step, error) or explain(self.reason).next_step,
        )
        return replace(
            known,
            actor=self.actor,
            effect=self.action.effect,
        )


def find_row(rows: Sequence[CauseRow], error: GoogleError, resource: str = "") -> CauseRow | None:
    """The first row that matches."""
    return next((row for row in rows if row.matches(error, resource)), None)


def _filled(text: str, error: GoogleError) -> str:
    try:
        return text.format_map(error.values)
    except KeyError:
        return ""
