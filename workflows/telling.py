"""What people read: current details in the Temporal Web UI, the reason text of a cancel."""

import json
from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from deployments.deployment import CancelRequest
    from deployments.names import CANCEL_PREFIX
    from deployments.phase import Phase
    from deployments.segment import SegmentResult

__all__ = ["details", "parse_cancel"]


def details(words: str, stack: str, owner: str, phase: Phase, done: Sequence[SegmentResult]) -> str:
    """Markdown for the Web UI's current details."""
    lines = [words, "", f"- stack: `{stack}`", f"- owner: `{owner}`", f"- phase: {phase}"]
    if plan := next((one for one in done if one.phase is Phase.PLAN), None):
        counts = plan.counts
        lines.append(
            f"- plan: {counts.add} to add, {counts.change} to change, {counts.remove} to destroy"
        )
    return "\n".join(lines)


def parse_cancel(reason: str) -> CancelRequest:
    """Who asked and why, from a cancel's reason text; without a name it was an operator."""
    if not reason.startswith(CANCEL_PREFIX):
        return CancelRequest(by="", reason=reason)
    try:
        content = json.loads(reason.removeprefix(CANCEL_PREFIX))
        return CancelRequest(by=str(content["by"]), reason=str(content.get("reason", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return CancelRequest(by="", reason=reason)
