"""Inputs for every activity of the service, for a deployment or a path of another program."""

from dataclasses import asdict
from typing import Any

from deployments.deployment import DeploymentRequest, Stack

__all__ = ["hostile_inputs"]

_STACK = Stack("sandbox", "demo-project-1", "intruded")


def hostile_inputs(queue: str, target: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Each activity of the service for a target; an input is decoded before it is checked."""
    request = asdict(DeploymentRequest(_STACK, "us-central1", "US"))
    key = {"deployment": target, "step": 1}
    context = {"phase": "apply"}
    order = {
        "key": key,
        "phase": "init",
        "deadline_seconds": 60,
        "no_progress_seconds": 60,
        "lease_seconds": 60,
        "ladder": {},
        "credential_ref": "service",
    }
    return [
        ("anava", "prepare_deployment", {"deployment": target, "request": request}),
        ("anava", "check_project", {"deployment": target, "request": request}),
        (queue, "find_existing", {"deployment": target, "project": "demo-project-1"}),
        (queue, "report_plan", {"deployment": target}),
        (queue, "run_step", {"order": order, "mode": "start"}),
        (queue, "stop_step", {"key": key, "force": True}),
        (
            queue,
            "finalize_deployment",
            {
                "deployment": target,
                "owner": "local",
                "request": request,
                "steps": [],
                "context": context,
            },
        ),
    ]
