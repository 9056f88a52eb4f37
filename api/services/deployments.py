"""Starts, reads and cancels deployments for a caller."""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from typing import Protocol

from api.services.quotas import Quotas
from deployments.credentials import credential_reference
from deployments.deployment import CancelRequest, DeploymentRequest, Status
from deployments.deployment_id import is_deployment_id
from deployments.errors import (
    AlreadyFinished,
    IdempotencyKeyReused,
    LimitReached,
    NotFound,
    SecretsUnreadable,
    Unavailable,
)
from deployments.execution import (
    Caller,
    DeploymentFilter,
    DeploymentSnapshot,
    SnapshotPage,
)
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.secret_variables import Cipher, encrypt_variables
from deployments.step_order import DeploymentInput
from deployments.subject import Subject, SubjectLimits, subject_of
from deployments.templates import TEMPLATES
from deployments.timings import Timings

__all__ = ["DeploymentService"]

_ID_CHARACTERS = 26
_UNKNOWN = "There is no such deployment."


class Executions(Protocol):
    """The Temporal gateway's calls; they raise `TemporalUnavailable` and, for an id, `NotFound`."""

    async def start(
        self, snapshot: DeploymentSnapshot, input: DeploymentInput, details: str
    ) -> None: ...
    async def read(self, deployment: str) -> DeploymentSnapshot: ...
    async def list_page(
        self, caller: Caller, filters: DeploymentFilter, limit: int, cursor: str | None
    ) -> SnapshotPage: ...
    async def cancel(self, deployment: str, request: CancelRequest) -> None: ...
    async def force_cancel(self, deployment: str) -> None: ...
    def changes(self, deployment: str) -> AsyncGenerator[None, None]: ...
    async def open_ids(self, subject: Subject, at_most: int) -> set[str]: ...


class DeploymentService:
    """Deployments; each call reaches those of the calling owner only.

    `timings` are the limits of new deployments; `cipher` encrypts their sensitive variables;
    `limits` are those of each subject. Each call raises `TemporalUnavailable` when Temporal does
    not answer.
    """

    def __init__(
        self,
        executions: Executions,
        timings: Timings,
        cipher: Cipher,
        limits: SubjectLimits = SubjectLimits(),  # noqa: B008 - a frozen value
    ) -> None:
        self._executions = executions
        self._quotas = Quotas(executions, limits)
        self._timings = timings
        self._cipher = cipher

    async def start(
        self, caller: Caller, request: DeploymentRequest, key: str | None
    ) -> DeploymentSnapshot:
        """Start a deployment, or return the deployment that the same key and request started.

        Raises:
            IdempotencyKeyReused: the key started another request.
            LimitReached: the subject of the caller has reached a limit, and the key is new.
            TemporalUnavailable: a repeat with the same key is safe.
        """
        request = replace(request, stack=replace(request.stack, tenant=caller.tenant))
        initial = _initial(_id(caller, key), caller, request)
        input = DeploymentInput(
            caller.owner,
            encrypt_variables(request, initial.id, self._cipher),
            self._timings,
            credential_reference(TEMPLATES[request.stack.template]),
            caller.tenant,
        )
        if await self._is_admitted(initial, key):
            await self._executions.start(initial, input, _details(initial))
        snapshot = await self.get(caller, initial.id)
        if snapshot.request_sha256 != initial.request_sha256:
            raise IdempotencyKeyReused("This Idempotency-Key was used with another body.")
        return snapshot

    async def _is_admitted(self, initial: DeploymentSnapshot, key: str | None) -> bool:
        """Whether the deployment may start; False where a repeat finds it started before."""
        try:
            await self._quotas.admit(subject_of(initial.caller), initial.id)
        except LimitReached:
            if key is None:
                raise
            try:
                await self._executions.read(initial.id)
            except NotFound:
                pass
            else:
                return False
            raise
        return True

    async def get(self, caller: Caller, deployment: str) -> DeploymentSnapshot:
        """Read a deployment of the caller.

        Raises:
            NotFound: the id is unknown, or the deployment belongs to another owner.
        """
        if not is_deployment_id(deployment):
            raise NotFound(_UNKNOWN)
        snapshot = await self._executions.read(deployment)
        if snapshot.caller != caller:
            raise NotFound(_UNKNOWN)
        return snapshot

    async def list(
        self, caller: Caller, filters: DeploymentFilter, limit: int, cursor: str | None
    ) -> SnapshotPage:
        """Read a page of the caller's deployments, newest first within the page.

        Raises:
            InvalidRequest: a filter or the cursor is malformed.
        """
        return await self._executions.list_page(caller, filters, limit, cursor)

    async def cancel(
        self, caller: Caller, deployment: str, reason: str, *, force: bool
    ) -> DeploymentSnapshot:
        """Request a cancel; a repeat leaves the first reason in place.

        With `force` terraform does not wait for open operations, and state may be lost.

        Raises:
            NotFound: the id is unknown, or the deployment belongs to another owner.
            AlreadyFinished: the deployment has ended.
        """
        snapshot = await self.get(caller, deployment)
        if snapshot.is_terminal:
            raise AlreadyFinished(f"The deployment has ended: {snapshot.status}.")
        try:
            if not snapshot.cancel_requested:
                await self._executions.cancel(deployment, CancelRequest(caller.owner, reason))
            if force:
                await self._executions.force_cancel(deployment)
        except NotFound:
            raise AlreadyFinished("The deployment has ended meanwhile.") from None
        return await self.get(caller, deployment)

    def decrypt(self, deployment: str, encrypted: str) -> str:
        """Decrypt a text that a worker encrypted for this deployment.

        Raises:
            Unavailable: the worker used another key.
        """
        try:
            return self._cipher.decrypt(encrypted, deployment)
        except SecretsUnreadable as error:
            raise Unavailable(f"{error} {error.next_step}") from None

    def changes(self, deployment: str) -> AsyncGenerator[None, None]:
        """Yield once per history event, until the workflow is closed."""
        return self._executions.changes(deployment)


def _id(caller: Caller, key: str | None) -> str:
    identity = f"{caller.tenant}\0{caller.owner}\0{key}".encode()
    seed = secrets.token_bytes(32) if key is None else identity
    text = base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()
    return f"dep-{text[:_ID_CHARACTERS]}"


def _initial(deployment: str, caller: Caller, request: DeploymentRequest) -> DeploymentSnapshot:
    """The deployment before the workflow writes a status."""
    return DeploymentSnapshot(
        id=deployment,
        tenant=caller.tenant,
        owner=caller.owner,
        stack=request.stack.id,
        operation=request.operation,
        status=Status.QUEUED,
        phase=Phase.QUEUE,
        reason=Reason.NONE,
        # The time of the start, by Temporal's clock.
        created_at="",
        request=_public_request(request),
        request_sha256=_fingerprint(request),
    )


def _public_request(request: DeploymentRequest) -> dict[str, object]:
    """The request without sensitive variables, for the workflow's memo."""
    stack = request.stack
    sensitive = TEMPLATES[stack.template].sensitive
    variables: dict[str, object] = json.loads(request.variables_json)
    return {
        "template": stack.template,
        "project_id": stack.project_id,
        "prefix": stack.prefix,
        "region": request.region,
        "storage_location": request.storage_location,
        "operation": str(request.operation),
        "variables": {name: value for name, value in variables.items() if name not in sensitive},
    }


def _fingerprint(request: DeploymentRequest) -> str:
    fields = asdict(request)
    # The ciphertext differs at each encryption and is not part of the caller's request.
    del fields["encrypted_variables"]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _details(snapshot: DeploymentSnapshot) -> str:
    return f"""\
- stack: `{snapshot.stack}`
- owner: `{snapshot.owner}`
- to stop it: cancel this workflow; terraform is interrupted and saves its state
- if the cancel hangs: send the signal `force_cancel` after it; state may be lost
- do not terminate it: the status of its resources would stay unknown"""
