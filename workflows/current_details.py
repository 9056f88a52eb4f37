"""What people read: current details in the Temporal Web UI."""

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from deployments.explanations import explain
    from deployments.findings import Finding
    from deployments.payload_size import cut
    from deployments.phase import Phase
    from deployments.reasons import Reason
    from deployments.step import Resource, StepResult, last_step

__all__ = ["current_details", "overdue_details", "retry_details"]

# The limit of Temporal for the details of a workflow; ten addresses of 1,000 characters fit.
_MAX_BYTES = 20_000


def current_details(
    headline: str, stack: str, owner: str, phase: Phase, steps: Sequence[StepResult]
) -> str:
    """Markdown for the Web UI's current details."""
    lines = [headline, "", f"- stack: `{stack}`", f"- owner: `{owner}`", f"- phase: {phase}"]
    if plan := last_step(steps, Phase.PLAN):
        counts = plan.counts
        lines.append(
            f"- plan: {counts.add} to add, {counts.change} to change, {counts.remove} to destroy"
        )
    return cut("\n".join(lines), _MAX_BYTES)


def retry_details(finding: Finding, pause_seconds: int, tries: int) -> str:
    """Headline while a deployment waits for the next try."""
    where = f" ({_code(finding.resource)})" if finding.resource else ""
    return (
        f"**{finding.cause}**: {finding.message}{where} Planned and applied again in "
        f"{pause_seconds} s, try {tries + 1}. Cancel the workflow to stop it."
    )


def overdue_details(resources: Sequence[Resource]) -> str:
    """Headline while terraform works on resources for far longer than usual."""
    explanation = explain(Reason.KEEPS_FAILING)
    lines = [f"**{Reason.KEEPS_FAILING}**: {explanation.message} {explanation.next_step}", ""]
    lines += [
        f"- {_code(resource.address)}: since {resource.started_at}, "
        f"usually {resource.typical_seconds} s"
        for resource in resources
    ]
    return "\n".join(lines)


def _code(text: str) -> str:
    """A name as inline code in Markdown; backticks and line ends are replaced."""
    return "`" + text.replace("`", "'").replace("\n", " ") + "`"
