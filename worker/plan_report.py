"""The plan of a deployment: as JSON for preflight, and redacted as artifacts."""

import asyncio
from collections.abc import Sequence

from adapters.local import disk_space
from adapters.redaction import Redactor
from adapters.terraform import command
from adapters.terraform.plan.redacted import redact_plan, sensitive_values
from adapters.terraform.run_command import run_command
from deployments import artifacts
from deployments.errors import RunDirectoryBroken
from deployments.imports import Import
from worker.artifact_outbox import ArtifactOutbox
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.steps.context import HostContext

__all__ = ["PlanReporter"]


class PlanReporter:
    """The plans of this host's deployments.

    A plan file holds every secret in clear: it stays in the work folder, which goes at the end.
    """

    def __init__(self, root: RunRoot, context: HostContext, outbox: ArtifactOutbox) -> None:
        self._root = root
        self._context = context
        self._outbox = outbox

    async def plan_json(self, deployment: str) -> bytes:
        """The plan as JSON, with secrets in clear: never store or show this text.

        Raises RunDirectoryBroken when terraform cannot show the plan, as does `report`.
        """
        plan_json, _ = await self._read(self._root.directory(deployment))
        return plan_json

    async def add_imports(self, deployment: str, imports: Sequence[Import]) -> None:
        """Store which resources the next plans may import; raises DiskFull."""
        directory = self._root.directory(deployment)
        with disk_space.needing_space():
            await asyncio.to_thread(directory.add_imports, imports)

    async def report(self, deployment: str) -> None:
        """Enqueue the redacted plan as artifacts.

        Raises DiskFull, which is not repeated: the end of the deployment waits for the report.
        """
        directory = self._root.directory(deployment)
        with disk_space.needing_space():
            plan_json, marked = await self._read(directory)
            # In threads: 1 s for 1,000 resources with a secret each (measured).
            redactor = Redactor([*directory.secrets(), *marked])
            redacted = await asyncio.to_thread(redact_plan, plan_json, redactor)
            plan = redacted.decode()
            await self._outbox.enqueue_limited(directory, artifacts.PLAN_JSON, plan)
            # After the first command, not beside: each starts the providers, during an apply.
            plan_text = await self._show(
                directory, command.show_plan_text_argv(self._context.terraform)
            )
            text = await asyncio.to_thread(redactor.clean, plan_text.decode("utf-8", "replace"))
            await self._outbox.enqueue_limited(directory, artifacts.PLAN_TEXT, text)

    async def _read(self, directory: RunDirectory) -> tuple[bytes, list[str]]:
        """The plan as JSON, and the values that the plan marks, which the log hides from now on."""
        argv = command.show_plan_argv(self._context.terraform)
        plan_json = await self._show(directory, argv)
        marked = await asyncio.to_thread(sensitive_values, plan_json)
        await asyncio.to_thread(directory.add_secrets, marked)
        return plan_json, marked

    async def _show(self, directory: RunDirectory, argv: Sequence[str]) -> bytes:
        environment = self._context.environment(directory.home)
        answer = await run_command(argv, environment, directory.work)
        if answer.exit_code:
            raise RunDirectoryBroken(f"terraform cannot show the plan: {answer.errors.strip()}")
        return answer.output
