"""This host: its run root and its terraform, behind the port `Host`."""

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from adapters.encryption import AesGcmCipher
from adapters.local import atomic_files
from adapters.local.inotify import FileChanges
from adapters.redaction import Redactor
from adapters.settings import Settings
from adapters.terraform import command
from adapters.terraform.plan.redacted import redact_plan, sensitive_values
from adapters.terraform.run_command import run_command
from adapters.terraform.state.backends import (
    StateBackends,
    backend_file,
    recorded_outputs,
    sensitive_outputs,
)
from deployments import artifacts
from deployments.artifacts import ArtifactStore
from deployments.deployment import DeploymentRequest
from deployments.errors import RunDirectoryBroken, TerraformUnusable, Unavailable
from deployments.log_ports import SinkStatus
from deployments.phase import Phase
from deployments.ports import PlanSummary, PreparedHost
from deployments.results import Reconciliation
from deployments.secret_variables import Cipher, decrypt_variables
from deployments.step import StepKey, StepOutcome, StepResult, StopCause
from deployments.templates import TEMPLATES, Template
from worker import state_reconciliation
from worker.artifact_outbox import ArtifactOutbox
from worker.duration_history import load_typical_durations
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.steps.context import HostContext
from worker.steps.folder import StepFolder, sha256_of
from worker.steps.log_cursor import StepLogFile, sinks_behind

__all__ = ["WorkerHost", "check_terraform"]

_log = logging.getLogger("anava.worker")

# `init -json` exists from 1.9 on (measured).
_OLDEST = (1, 9)

# What finalize waits for a terraform that should have ended long ago; then the status says so.
_LAST_WAIT_SECONDS = 60.0


async def check_terraform(settings: Settings, cli_config: Path, path: str) -> tuple[str, str]:
    """The absolute path of terraform and its version.

    A missing or malformed CLI configuration is only a notice on stderr, after which terraform
    would ask the public registry (measured); so anything on stderr is refused.

    Raises:
        TerraformUnusable: it is missing, too old, or does not take our configuration.
    """
    binary = _find(settings.terraform.binary, path)
    home = cli_config.parent
    environment = command.environment(home, cli_config, path)
    answer = await run_command(command.version_argv(binary), environment, home)
    if answer.exit_code or answer.errors.strip():
        raise TerraformUnusable(f"terraform refuses its configuration: {answer.errors.strip()}")
    version = str(json.loads(answer.output)["terraform_version"])
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < _OLDEST:
        raise TerraformUnusable(f"terraform {version} is too old; 1.9 or newer is needed")
    return binary, version


def _find(name: str, path: str) -> str:
    # `make setup` puts a terraform beside the interpreter where the PATH has none that fits.
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{path}")
    if found is None:
        raise TerraformUnusable(f"no terraform: {name} is not on the PATH")
    return str(Path(found).resolve())


class WorkerHost:
    """Port `Host`; made by `open`."""

    def __init__(
        self,
        settings: Settings,
        root: RunRoot,
        terraform_version: str,
        context: HostContext,
        store: ArtifactStore,
        cipher: Cipher,
    ) -> None:
        self._settings = settings
        self._root = root
        self._version = terraform_version
        self._context = context
        self._outboxes = ArtifactOutbox(store, settings.log.give_up_seconds)
        self._cipher = cipher

    @classmethod
    async def open(
        cls,
        settings: Settings,
        environment: Mapping[str, str],
        changes: FileChanges,
        store: ArtifactStore,
    ) -> "WorkerHost":
        """Take up the run root and check terraform.

        Args:
            settings: which run root, which terraform, where states lie.
            environment: the worker's; terraform gets its PATH and no more.
            changes: what wakes the keepers.
            store: where artifacts go.

        Raises:
            TerraformUnusable: it is missing, too old or its mirror is not there.
            Unavailable: there are no credentials for the bucket of states.
        """
        path = environment.get("PATH", os.defpath)
        states = StateBackends(settings, environment)
        root = RunRoot(settings.runs)
        mirror = settings.terraform.mirror or root.path / "no-mirror"
        if settings.terraform.mirror is None:
            mirror.mkdir(exist_ok=True)
        if not mirror.is_dir():
            raise TerraformUnusable(f"the provider mirror {mirror} is not a folder")
        cli_config = root.path / "terraform.tfrc"
        atomic_files.replace(cli_config, command.cli_config(mirror.resolve()))
        binary, version = await check_terraform(settings, cli_config, path)
        context = HostContext(
            workers=root.workers,
            worker=root.worker,
            terraform=binary,
            path=path,
            cli_config=cli_config,
            changes=changes,
            redactor=lambda deployment: Redactor(root.directory(deployment).secrets()),
            states=states,
            durations=lambda: load_typical_durations(root.path),
            google=settings.google.endpoint,
        )
        cipher = AesGcmCipher.open(settings.secrets.ring, settings.data)
        return cls(settings, root, version, context, store, cipher)

    @property
    def id(self) -> str:
        """Port `Host`; so are the public methods below."""
        return self._root.host

    @property
    def worker(self) -> str:
        """This worker's id on the host."""
        return self._root.worker

    def open_count(self) -> int:
        """How many places are taken."""
        return len(self._root.open_deployments())

    async def prepare(self, deployment: str, request: DeploymentRequest) -> PreparedHost:
        self._check_providers(TEMPLATES[request.stack.template])
        request = decrypt_variables(request, deployment, self._cipher)
        await asyncio.to_thread(self._make, deployment, request)
        return PreparedHost(self._root.host, self._version)

    def step(self, key: StepKey) -> StepFolder:
        return StepFolder(self._root.path / key.deployment, key, self._context)

    def shipment(self, key: StepKey) -> StepLogFile:
        folder = self._root.path / key.deployment / "steps" / str(key.step)
        return StepLogFile(folder, key, self._context.changes)

    def unshipped_logs(self, generations: Mapping[str, str]) -> Sequence[tuple[StepKey, str]]:
        keep = self._settings.log.give_up_seconds
        return [
            (StepKey(deployment, number), sink)
            for deployment in self._root.deployments()
            for number in self._root.directory(deployment).steps()
            for sink in sinks_behind(
                self._root.directory(deployment).step(number), generations, keep
            )
        ]

    def publish_sink_statuses(self, states: Sequence[SinkStatus]) -> None:
        """Say how the sinks are, where the API of this machine looks."""
        self._root.publish_sink_statuses(states)

    def stale_steps(self) -> Sequence[StepFolder]:
        stale = self._settings.worker.stale_seconds
        # Whoever scans lives, and is on speaking terms with its disk.
        self._root.show_life()
        return [
            step
            for deployment in self._root.open_deployments()
            for step in self._steps(deployment)
            if step.is_stale(stale)
        ]

    def idle_deployments(self) -> Sequence[str]:
        return [
            deployment
            for deployment in self._root.open_deployments()
            if all(
                step.is_settled() or not step.activity_token() for step in self._steps(deployment)
            )
        ]

    async def plan_json(self, deployment: str) -> bytes:
        argv = command.show_plan_argv(self._context.terraform)
        return await self._shown(self._root.directory(deployment), argv)

    async def report_plan(self, deployment: str) -> PlanSummary:
        directory = self._root.directory(deployment)
        plan = directory.work / command.PLAN_FILE
        terraform = self._context.terraform
        plan_json = await self.plan_json(deployment)
        redactor = Redactor([*directory.secrets(), *sensitive_values(plan_json)])
        shown = redact_plan(plan_json, redactor).decode()
        self._outboxes.enqueue(directory, artifacts.PLAN_JSON, shown)
        # Not at once with the other: each starts the providers, beside an apply that runs.
        plan_text = await self._shown(directory, command.show_plan_text_argv(terraform))
        text = redactor.clean(plan_text.decode("utf-8", "replace"))
        self._outboxes.enqueue(directory, artifacts.PLAN_TEXT, text)
        await asyncio.to_thread(_keep, plan, self._settings.data / "plans" / deployment)
        return PlanSummary(sha256_of(plan), [])

    async def settle(self, deployment: str, steps: Sequence[StepResult]) -> Reconciliation:
        alive = [item for item in self._steps(deployment) if item.look().alive]
        for step in alive:
            step.stop(StopCause.ABANDONED)
        if not await _ended(alive):
            return Reconciliation(inconclusive=True)
        await self._free_locks(deployment)
        last = steps[-1] if steps else None
        directory = self._root.directory(deployment)
        if last is None or last.phase is not Phase.APPLY or not directory.work.is_dir():
            return Reconciliation()
        if last.outcome is StepOutcome.DONE and last.clean:
            return Reconciliation()
        inputs = state_reconciliation.ReconciliationInput(
            work=directory.work,
            step_folder=directory.path / "steps" / str(last.key.step),
            rescued=self._settings.data / "rescued" / deployment,
            terraform=self._context.terraform,
            environment=self._environment(directory.home),
        )
        return await state_reconciliation.reconcile(inputs)

    async def record(self, deployment: str, record_json: str) -> str:
        return await asyncio.to_thread(self._root.directory(deployment).record, record_json)

    def archive(self, deployment: str, record_json: str, outputs_json: str) -> None:
        directory = self._root.directory(deployment)
        self._outboxes.enqueue(directory, artifacts.RECORD, record_json)
        if outputs_json:
            self._outboxes.enqueue(directory, artifacts.OUTPUTS, outputs_json)
        self._outboxes.enqueue_logs(directory)

    async def send(self, deployment: str) -> None:
        await self._outboxes.send(self._root.directory(deployment))

    async def send_pending(self) -> None:
        """Send the artifacts of all deployments that their store did not take when it was asked."""
        deployments = self._root.deployments()
        await self._outboxes.send_pending(
            self._root.directory(deployment) for deployment in deployments
        )

    async def keep_outputs(self, deployment: str) -> None:
        directory = self._root.directory(deployment)
        state = self._context.states.used_by(directory.work)
        if state is None:
            # A repeat after the work was cleared: they were kept then.
            return
        content = {
            "format": 1,
            "version": metadata.version("anava-deploy"),
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "outputs": recorded_outputs(await asyncio.to_thread(state.read)),
        }
        sealed = self._cipher.encrypt(json.dumps(content), deployment)
        self._outboxes.enqueue(directory, artifacts.SEALED_OUTPUTS, sealed)

    async def clear(self, deployment: str) -> None:
        await asyncio.to_thread(self._root.directory(deployment).clear)

    async def abandon(self, deployment: str) -> None:
        await self._free_locks(deployment)
        directory = self._root.directory(deployment)
        directory.record('{"format": 1, "abandoned": true}')
        directory.clear()

    def close(self) -> None:
        """Let the worker's lock go."""
        self._root.close()

    def _check_providers(self, template: Template) -> None:
        """Before anything is begun, in better words than those that init would have for it."""
        if template.needs_google and self._settings.terraform.mirror is None:
            raise TerraformUnusable(
                f"The template {template.name} needs Google's provider, and this host has no "
                "provider mirror: set ANAVA_TERRAFORM__MIRROR"
            )

    def _make(self, deployment: str, request: DeploymentRequest) -> None:
        state = self._context.states.of(request.stack.id)
        self._root.directory(deployment).make(
            self._settings.terraform.templates / request.stack.template,
            request,
            backend_file(state),
            [*self._settings.log.redact, *sensitive_outputs(state.read())],
        )

    async def _free_locks(self, deployment: str) -> None:
        """Remove what dead terraforms of ours left; what stays is told to whoever comes next."""
        for step in self._steps(deployment):
            try:
                await asyncio.to_thread(step.free_lock)
            except Unavailable as error:
                _log.warning("%s may have left the lock of its state: %s", step.key, error)

    async def _shown(self, directory: RunDirectory, argv: Sequence[str]) -> bytes:
        answer = await run_command(argv, self._environment(directory.home), directory.work)
        if answer.exit_code:
            raise RunDirectoryBroken(f"terraform cannot show the plan: {answer.errors.strip()}")
        return answer.output

    def _steps(self, deployment: str) -> list[StepFolder]:
        numbers = self._root.directory(deployment).steps()
        return [self.step(StepKey(deployment, number)) for number in numbers]

    def _environment(self, home: Path) -> dict[str, str]:
        return self._context.environment(home)


def _keep(plan: Path, folder: Path) -> None:
    """Keep a plan file. It holds every secret in clear, so no store of artifacts sees it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{plan.name}.{os.urandom(6).hex()}"
    shutil.copyfile(plan, draft)
    draft.chmod(0o600)
    draft.replace(folder / plan.name)


async def _ended(steps: Sequence[StepFolder]) -> bool:
    """Wait until none of them has a process left."""
    clock = asyncio.get_running_loop().time
    end = clock() + _LAST_WAIT_SECONDS
    while any(step.look().alive for step in steps):
        if clock() > end:
            return False
        # Only after an abnormal end, and then nothing tells: a lock sends no event.
        await asyncio.sleep(0.1)
    return True
