"""Records, outputs and logs of ended deployments on their way to the artifact store."""

import asyncio
import json
from datetime import UTC, datetime
from importlib import metadata

from adapters.terraform.state.backends import StateBackends, recorded_outputs
from deployments import artifacts
from deployments.secret_variables import Cipher
from worker.artifact_outbox import ArtifactOutbox
from worker.run_root import RunRoot

__all__ = ["Archive"]


class Archive:
    """Enqueues and sends the artifacts of this host's deployments."""

    def __init__(
        self, root: RunRoot, outbox: ArtifactOutbox, states: StateBackends, cipher: Cipher
    ) -> None:
        self._root = root
        self._outbox = outbox
        self._states = states
        self._cipher = cipher

    async def enqueue(self, deployment: str, record_json: str, outputs_json: str) -> None:
        """Enqueue record, outputs (none when empty) and logs; a repeat changes nothing."""
        directory = self._root.directory(deployment)
        self._outbox.enqueue(directory, artifacts.RECORD, record_json)
        if outputs_json:
            await self._outbox.enqueue_limited(directory, artifacts.OUTPUTS, outputs_json)
        self._outbox.enqueue_logs(directory)

    async def enqueue_state_outputs(self, deployment: str) -> None:
        """Enqueue all outputs of the state, encrypted; raises Unavailable without the bucket."""
        directory = self._root.directory(deployment)
        state = self._states.used_by(directory.work)
        if state is None:
            # A repeat after the run directory was cleared: the first attempt enqueued the outputs.
            return
        content = {
            "format": 1,
            "version": metadata.version("anava-deploy"),
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "outputs": await asyncio.to_thread(lambda: recorded_outputs(state.read())),
        }
        encrypted = self._cipher.encrypt(json.dumps(content), deployment)
        await self._outbox.enqueue_limited(directory, artifacts.ENCRYPTED_OUTPUTS, encrypted)

    async def send(self, deployment: str) -> None:
        """Send a deployment's artifacts; raises Unavailable while one stays enqueued."""
        await self._outbox.send(self._root.directory(deployment))

    async def send_pending(self) -> None:
        """Send the artifacts of all deployments that the store did not take earlier."""
        await self._outbox.send_pending(map(self._root.directory, self._root.pending_deployments()))
