"""This host: the run root, its deployments and steps, and the terraform that they run."""

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters import settings as settings_module
from adapters.disk_status import disk_status
from adapters.encryption import AesGcmCipher
from adapters.local import atomic_files, disk_space
from adapters.local.folder_lock import shared
from adapters.local.inotify import FileChanges
from adapters.local.interruptions import LocalInterruptions
from adapters.settings import Settings
from adapters.terraform import command
from adapters.terraform.run_command import run_command
from adapters.terraform.state.backends import StateBackends, backend_file, sensitive_outputs
from deployments.artifacts import ArtifactStore
from deployments.deployment import DeploymentRequest, PreparedHost
from deployments.errors import DiskFull, InvalidRequest, TerraformUnusable
from deployments.execution import Caller
from deployments.log_ports import SinkStatus
from deployments.requests import check_again
from deployments.secret_variables import Cipher, decrypt_variables
from deployments.step import StepKey
from deployments.subject import subject_of
from deployments.templates import TEMPLATES, Template
from worker.archive import Archive
from worker.artifact_outbox import ArtifactOutbox
from worker.duration_history import load_typical_durations
from worker.finalization import Finalization
from worker.owner_bytes import OwnerBytes
from worker.pending_work import PendingWork
from worker.plan_report import PlanReporter
from worker.run_redactor import RunRedactor
from worker.run_root import RunRoot
from worker.stack_states import StackRecords, StackStates
from worker.state_recovery import StateRecovery, unsaved_state_in
from worker.steps.context import HostContext
from worker.steps.folder import StepFolder, step_folders
from worker.steps.log_cursor import StepLogFile

__all__ = ["WorkerHost", "check_terraform"]

_log = logging.getLogger("anava.worker")

# `init -json` exists since terraform 1.9 (measured).
_MIN_VERSION = (1, 9)

_MEGABYTE = 1_000_000


class WorkerHost:
    """The deployments of this host: `plans`, their `finalization`, the `archive` of artifacts.

    `stacks` are the states, `recovery` saves those that terraform could not save. `pending` is work
    for ended deployments.
    """

    def __init__(
        self,
        settings: Settings,
        root: RunRoot,
        terraform_version: str,
        context: HostContext,
        store: ArtifactStore,
        records: StackRecords,
    ) -> None:
        self._settings = settings
        self._root = root
        self._terraform_version = terraform_version
        self._context = context
        self._cipher: Cipher = AesGcmCipher.open(settings.secrets.ring, settings.data)
        self._admits = True
        self._states = settings.data / "stacks"
        self._states.mkdir(parents=True, exist_ok=True, mode=0o700)
        outbox = ArtifactOutbox(
            store,
            settings.log.give_up_seconds,
            settings.artifacts.max_mb * _MEGABYTE,
            context.owners.room,
        )
        self.stacks = StackStates(root, context.states, records)
        self.recovery = StateRecovery(settings.data / "errored-states", context.states, self.stacks)
        self.plans = PlanReporter(root, context, outbox)
        self._interruptions = LocalInterruptions(settings.data)
        self.finalization = Finalization(
            root, context, self.stacks, self.recovery, self._interruptions
        )
        self.archive = Archive(root, outbox, context.states, self._cipher)
        sinks = {*settings.log.sinks} - {"local"}
        self.pending = PendingWork(root, outbox, sinks, settings.log.give_up_seconds)

    @classmethod
    async def open(
        cls,
        settings: Settings,
        environment: Mapping[str, str],
        changes: FileChanges,
        store: ArtifactStore,
        records: StackRecords,
    ) -> "WorkerHost":
        """Open the run root and check terraform.

        Of the environment terraform gets PATH and `inherited_environment`.

        Raises:
            TerraformUnusable: terraform is missing or too old, or its mirror is missing.
            InvalidSettings: the data folder cannot be written.
            Unavailable: there are no credentials for the bucket of states.
        """
        path = environment.get("PATH", os.defpath)
        states = StateBackends(settings, environment)
        with atomic_files.writing_data():
            root = RunRoot(settings.runs)
            cli_config = _write_cli_config(settings.terraform.mirror, root.path)
        inherited = settings_module.inherited_environment(settings, environment)
        binary, version = await check_terraform(settings, cli_config, path)
        context = HostContext(
            workers=root.workers,
            worker=root.worker,
            terraform=binary,
            path=path,
            cli_config=cli_config,
            changes=changes,
            redactor=lambda deployment: RunRedactor(root.directory(deployment)),
            states=states,
            durations=lambda: load_typical_durations(root.path),
            owners=OwnerBytes.open(settings),
            google=settings.google.endpoint,
            inherited=inherited,
            log_limit_bytes=settings.log.max_mb * _MEGABYTE,
        )
        return cls(settings, root, version, context, store, records)

    @property
    def id(self) -> str:
        """A random id, made once for the run root."""
        return self._root.host

    @property
    def worker(self) -> str:
        """The id of this worker on the host."""
        return self._root.worker

    def has_space(self) -> bool:
        """Whether the disks below run root and data folder have space for a deployment."""
        status = disk_status(self._settings)
        if status.admits != self._admits:
            self._admits = status.admits
            _log.warning(
                "the disk has %s MB free, and %s are needed: the host admits %s deployments",
                *(status.free_bytes // _MEGABYTE, status.needed_bytes // _MEGABYTE),
                "new" if status.admits else "no new",
            )
        return status.admits

    def open_count(self) -> int:
        """The number of deployments that have a slot on this host."""
        return len(self._root.open_deployments())

    async def prepare(
        self, deployment: str, request: DeploymentRequest, execution: str = "", owner: str = ""
    ) -> PreparedHost:
        """Make the run directory for an execution; a repeat changes nothing.

        Raises:
            NotAcceptedByApi: the request breaks a rule.
            InvalidRequest: this host does not deploy the template.
            TerraformUnusable: the template needs a provider mirror, and this host has none.
            RunDirectoryBroken: the template is not installed.
            SecretsUnreadable: the variables cannot be decrypted here.
            DiskFull: the disk has less free space than the setting `min_free_mb`, or fills up.
            StateOnAnotherHost, StateBeingRecovered, StateReplaced, StateUnreachable: this host
                would not continue the stack's latest state.
        """
        if not self.has_space() and not self._root.directory(deployment).is_open:
            raise DiskFull("the disk of the host is almost full")
        if request.stack.template not in self._settings.terraform.offered:
            raise InvalidRequest(f"This host does not deploy the template {request.stack.template}")
        request = decrypt_variables(request, deployment, self._cipher)
        check_again(request)
        self._check_providers(TEMPLATES[request.stack.template])
        with disk_space.needing_space():
            await self._settle_stack(request.stack.id, deployment)
            # Until the run directory exists, retention deletes no state.
            async with shared(self._states):
                state = await self.stacks.admit(request.stack.id)
                template_version = await asyncio.to_thread(
                    self._make, deployment, request, execution, owner, state
                )
        earlier = self._interruptions.of(request.stack.id)
        return PreparedHost(
            self._root.host,
            self._terraform_version,
            template_version,
            [interruption.finding() for interruption in earlier],
        )

    def check_origin(self, deployment: str, execution: str) -> None:
        """Raise NotAcceptedByApi for a run directory of another host or execution."""
        self._root.check_origin(deployment, execution)

    def is_prepared(self, deployment: str, execution: str) -> bool:
        """Whether this host made the run directory, for this execution."""
        return self._root.is_prepared(deployment, execution)

    def step(self, key: StepKey) -> StepFolder:
        """A step, with or without a folder."""
        return StepFolder(self._root.directory(key.deployment).path, key, self._context)

    def step_log(self, key: StepKey) -> StepLogFile:
        """The log of a step, for shipping; the step may have no folder."""
        folder = self._root.directory(key.deployment).step(key.step)
        return StepLogFile(folder, key, self._context.changes)

    def publish_sink_statuses(self, statuses: Sequence[SinkStatus]) -> None:
        """Write the status of this worker's sinks where the API of this machine reads it."""
        self._root.publish_sink_statuses(statuses)

    def stale_steps(self) -> Sequence[StepFolder]:
        """The steps whose claim is stale."""
        stale_seconds = self._settings.worker.stale_seconds
        return [
            step
            for deployment in self._root.open_deployments()
            for step in step_folders(self._root.directory(deployment), self._context)
            if step.is_stale(stale_seconds)
        ]

    def idle_deployments(self) -> Sequence[str]:
        """Open deployments without a step that needs a supervisor."""
        return [
            deployment
            for deployment in self._root.open_deployments()
            if all(
                step.is_closed() or not step.claims.activity_token()
                for step in step_folders(self._root.directory(deployment), self._context)
            )
        ]

    def show_life(self) -> None:
        """Record that this worker's event loop turns, for the health checks."""
        self._root.show_life()

    def close(self) -> None:
        """Release the worker's lock."""
        self._root.close()

    async def _settle_stack(self, stack: str, deployment: str) -> None:
        """Save the states that earlier deployments of a stack left on this host."""
        for other in map(self._root.directory, self._root.open_deployments()):
            # The earlier deployment was terminated, and its run directory is not closed yet.
            if other.path.name == deployment or other.stack() != stack:
                continue
            if unsaved := await asyncio.to_thread(unsaved_state_in, other):
                await self.recovery.begin(other, unsaved)
        await self.recovery.settle_stack(stack)

    def _check_providers(self, template: Template) -> None:
        """Refuse before init, whose own message does not name the setting."""
        if template.needs_google and self._settings.terraform.mirror is None:
            raise TerraformUnusable(
                f"The template {template.name} needs Google's provider, and this host has no "
                "provider mirror: set ANAVA_TERRAFORM__MIRROR"
            )

    def _make(
        self,
        deployment: str,
        request: DeploymentRequest,
        execution: str,
        owner: str,
        state: bytes,
    ) -> str:
        """Make the run directory for an execution of an owner; returns the template's version."""
        subject = subject_of(Caller(request.stack.tenant, owner)).digest
        self._context.owners.add(subject, deployment)
        backend = self._context.states.of(request.stack.id)
        directory = self._root.directory(deployment)
        directory.make(
            self._settings.terraform.templates / request.stack.template,
            request,
            backend_file(backend),
            self._settings.log.redact,
            (self.id, execution),
            subject,
        )
        # An output is sensitive as a whole, with the project's id in it.
        directory.add_secrets(sensitive_outputs(state))
        return directory.template_version()


def _write_cli_config(mirror: Path | None, root: Path) -> Path:
    """Write terraform's CLI configuration; without a mirror it names an empty folder."""
    folder = mirror or root / "no-mirror"
    if mirror is None:
        folder.mkdir(exist_ok=True)
    if not folder.is_dir():
        raise TerraformUnusable(f"the provider mirror {folder} is not a folder")
    path = root / "terraform.tfrc"
    atomic_files.replace(path, command.cli_config(folder.resolve()))
    return path


async def check_terraform(settings: Settings, cli_config: Path, path: str) -> tuple[str, str]:
    """The absolute path of terraform and its version; raises TerraformUnusable.

    Terraform reports a missing or malformed CLI configuration only as a notice on stderr and then
    uses the public registry (measured); so any text on stderr is an error.
    """
    binary = _find(settings.terraform.binary, path)
    home = cli_config.parent
    environment = command.environment(home, cli_config, path)
    answer = await run_command(command.version_argv(binary), environment, home)
    if answer.exit_code or answer.errors.strip():
        raise TerraformUnusable(f"terraform refuses its configuration: {answer.errors.strip()}")
    version = str(json.loads(answer.output)["terraform_version"])
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < _MIN_VERSION:
        raise TerraformUnusable(f"terraform {version} is too old; 1.9 or newer is needed")
    return binary, version


def _find(name: str, path: str) -> str:
    # `make setup` puts a terraform beside the interpreter if the PATH has none that fits.
    binary = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{path}")
    if binary is None:
        raise TerraformUnusable(f"no terraform: {name} is not on the PATH")
    return str(Path(binary).resolve())
