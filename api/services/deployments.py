"""Deployments as the API sees them: typed calls to Temporal."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.services.deployment_view import KEYS, DeploymentSnapshot, from_execution, public_request
from api.services.visibility_query import Filters, query_for, read_cursor, write_cursor
from deployments.credentials import credential_reference
from deployments.deployment import DeploymentRequest, DeploymentResult, Status
from deployments.errors import (
    AlreadyFinished,
    IdempotencyKeyReused,
    NotFound,
    SecretsUnreadable,
    TemporalUnavailable,
    Unavailable,
)
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.secret_variables import Cipher, encrypt_variables
from deployments.templates import TEMPLATES
from deployments.temporal_names import CANCEL_PREFIX, SHARED_QUEUE, Attribute, Memo
from deployments.timings import Timings
from workflows.deployment import DeploymentInput, DeploymentWorkflow

__all__ = ["DeploymentService", "DeploymentSnapshots"]

_Answer = TypeVar("_Answer")
_Handle = WorkflowHandle[DeploymentWorkflow, DeploymentResult]

# A caller waits for this; Temporal answers in milliseconds or is not there.
_RPC = timedelta(seconds=5)
# The server holds a long poll for 20 s; twice that means that nobody is there.
_LONG_POLL = timedelta(seconds=40)
_ID = re.compile(r"dep-[a-z2-7]{26}", re.ASCII)
_ID_CHARACTERS = 26
_UNKNOWN = "There is no such deployment."


@dataclass(frozen=True)
class DeploymentSnapshots:
    """Some deployments, and where the next ones are."""

    items: list[DeploymentSnapshot]
    next_cursor: str | None


class DeploymentService:
    """Starts, reads and cancels deployments.

    Args:
        client: connected to the namespace.
        timings: the limits that travel with each new deployment.
        box: encrypts the sensitive variables that travel with it.
    """

    def __init__(self, client: Client, timings: Timings, cipher: Cipher) -> None:
        self._client = client
        self._timings = timings
        self._cipher = cipher

    async def start(
        self, owner: str, request: DeploymentRequest, key: str | None
    ) -> DeploymentSnapshot:
        """Start a deployment, or find the one that the same key and request started.

        Raises:
            IdempotencyKeyReused: the key started another request.
            TemporalUnavailable: no answer; the same key may be tried again.
        """
        deployment = _id(owner, key)
        sha256 = _fingerprint(request)
        await self._start(deployment, owner, request, sha256)
        snapshot = await self.get(owner, deployment)
        if snapshot.request_sha256 != sha256:
            raise IdempotencyKeyReused("This Idempotency-Key was used with another body.")
        return snapshot

    async def get(self, owner: str, deployment: str) -> DeploymentSnapshot:
        """One deployment of the owner.

        Raises:
            NotFound: unknown, or somebody else's.
            TemporalUnavailable: no answer.
        """
        if not _ID.fullmatch(deployment):
            raise NotFound(_UNKNOWN)
        snapshot = await from_execution(
            await _ask(self._handle(deployment).describe(rpc_timeout=_RPC))
        )
        if snapshot.owner != owner:
            raise NotFound(_UNKNOWN)
        return snapshot

    async def list(
        self, owner: str, filters: Filters, limit: int, cursor: str | None
    ) -> DeploymentSnapshots:
        """A page of the owner's deployments, the newest of the page first.

        Temporal decides what is on a page: what runs comes first, then what ended last.
        """
        query = query_for(owner, filters)
        found = self._client.list_workflows(
            query,
            page_size=limit,
            next_page_token=read_cursor(query, cursor),
            rpc_timeout=_RPC,
        )
        await _ask(found.fetch_next_page(page_size=limit))
        page = sorted(found.current_page or [], key=lambda one: one.start_time, reverse=True)
        token = found.next_page_token
        return DeploymentSnapshots(
            [await from_execution(item) for item in page],
            write_cursor(query, token) if token else None,
        )

    async def cancel(
        self, owner: str, deployment: str, reason: str, *, force: bool
    ) -> DeploymentSnapshot:
        """Ask for a cancel; a repeat keeps the first reason.

        Raises:
            NotFound: unknown, or somebody else's.
            AlreadyFinished: too late.
        """
        snapshot = await self.get(owner, deployment)
        if snapshot.is_terminal:
            raise AlreadyFinished(f"The deployment has ended: {snapshot.status}.")
        handle = self._handle(deployment)
        words = CANCEL_PREFIX + json.dumps({"by": owner, "reason": reason})
        try:
            if not snapshot.cancel_requested:
                await _ask(handle.cancel(reason=words, rpc_timeout=_RPC))
            if force:
                await _ask(handle.signal(DeploymentWorkflow.force_cancel, rpc_timeout=_RPC))
        except NotFound:
            raise AlreadyFinished("The deployment has ended meanwhile.") from None
        return await self.get(owner, deployment)

    def unseal(self, deployment: str, sealed: str) -> str:
        """What a worker encrypted for this deployment.

        Raises:
            Unavailable: the worker had another key.
        """
        try:
            return self._cipher.decrypt(sealed, deployment)
        except SecretsUnreadable as error:
            raise Unavailable(f"{error} {error.next_step}") from None

    async def changes(self, deployment: str) -> AsyncGenerator[None, None]:
        """Something for each thing that happens in the workflow, until it is closed.

        Raises:
            TemporalUnavailable: no answer.
        """
        events = self._handle(deployment).fetch_history_events(
            wait_new_event=True, rpc_timeout=_LONG_POLL
        )
        try:
            async for _ in events:
                yield
        except RPCError as error:
            raise _translated(error) from None

    async def _start(
        self, deployment: str, owner: str, request: DeploymentRequest, sha256: str
    ) -> None:
        stack = request.stack.id
        try:
            await _ask(
                self._client.start_workflow(
                    DeploymentWorkflow.run,
                    _input(
                        owner, encrypt_variables(request, deployment, self._cipher), self._timings
                    ),
                    id=deployment,
                    task_queue=SHARED_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    memo={
                        Memo.REQUEST: public_request(request),
                        Memo.REQUEST_SHA256: sha256,
                        Memo.CREATED_AT: _now(),
                    },
                    search_attributes=_attributes(owner, request),
                    static_summary=f"{request.operation} {stack}",
                    static_details=_details(owner, stack),
                    rpc_timeout=_RPC,
                )
            )
        except WorkflowAlreadyStartedError:
            # It has ended; the same key still means the same deployment.
            return

    def _handle(self, deployment: str) -> _Handle:
        return self._client.get_workflow_handle_for(DeploymentWorkflow.run, deployment)


async def _ask(call: Awaitable[_Answer]) -> _Answer:
    try:
        return await call
    except RPCError as error:
        raise _translated(error) from None


def _translated(error: RPCError) -> NotFound | TemporalUnavailable:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NotFound(_UNKNOWN)
    return TemporalUnavailable(f"Temporal does not answer as it should ({error.status.name}).")


def _id(owner: str, key: str | None) -> str:
    seed = secrets.token_bytes(32) if key is None else f"{owner}\0{key}".encode()
    text = base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()
    return f"dep-{text[:_ID_CHARACTERS]}"


def _input(owner: str, request: DeploymentRequest, timings: Timings) -> DeploymentInput:
    reference = credential_reference(TEMPLATES[request.stack.template])
    return DeploymentInput(owner, request, timings, reference)


def _fingerprint(request: DeploymentRequest) -> str:
    asked = asdict(request)
    # Not asked by anybody, and not the same twice.
    del asked["encrypted_variables"]
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _attributes(owner: str, request: DeploymentRequest) -> TypedSearchAttributes:
    values: dict[Attribute, str] = {
        Attribute.STATUS: Status.QUEUED,
        Attribute.PHASE: Phase.QUEUE,
        Attribute.OWNER: owner,
        Attribute.STACK: request.stack.id,
        Attribute.OPERATION: request.operation,
        Attribute.REASON: Reason.NONE,
    }
    return TypedSearchAttributes(
        [SearchAttributePair(KEYS[name], str(value)) for name, value in values.items()]
    )


def _details(owner: str, stack: str) -> str:
    return "\n".join(
        (
            f"- stack: `{stack}`",
            f"- owner: `{owner}`",
            "- to stop it: cancel this workflow; terraform is stopped gently and its state kept",
            "- if that hangs: send the signal `force_cancel` after the cancel; state may be lost",
            "- do not terminate it: nobody would say what became of its resources",
        )
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
