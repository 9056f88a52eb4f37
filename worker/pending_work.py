"""Work of this host for ended deployments: logs and artifacts to send, secrets to remove.

Each loop lists the index of pending deployments, so an idle worker costs the same with any number
of ended deployments (docs/adr/0037).
"""

import time
from collections.abc import Iterable, Mapping, Sequence

from deployments.step import StepKey
from worker import run_index
from worker.artifact_outbox import ArtifactOutbox
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.steps.log_cursor import sinks_behind

__all__ = ["PendingWork"]

# A deployment is in the index before its run directory exists, which takes seconds.
_MAKING_SECONDS = 3600.0


class PendingWork:
    """The pending deployments of a host; `sinks` are the names of the sinks beside the event files.

    A log older than `give_up_seconds` is not shipped again to a sink that has lost the log.
    """

    def __init__(
        self, root: RunRoot, outbox: ArtifactOutbox, sinks: Iterable[str], give_up_seconds: float
    ) -> None:
        self._root = root
        self._outbox = outbox
        self._silent: Mapping[str, str | None] = dict.fromkeys(sinks)
        self._give_up_seconds = give_up_seconds
        self._generations: dict[str, str] = {}

    def unshipped_logs(self, generations: Mapping[str, str]) -> Sequence[tuple[StepKey, str]]:
        """Ended steps with each sink that lacks a part of the log, by the sinks' generations.

        Looks into all run directories where a sink is new, or has lost its content. Blocks.
        """
        changed = not generations.items() <= self._generations.items()
        root = self._root
        logs = [
            (StepKey(deployment, number), sink)
            for deployment in (root.deployments() if changed else root.pending_deployments())
            for number in root.directory(deployment).steps()
            for sink in self._behind(root.directory(deployment), number, generations)
        ]
        if changed:
            for deployment in {key.deployment for key, _ in logs}:
                run_index.mark(root.directory(deployment).path)
            self._generations.update(generations)
        return logs

    def settle(self, generations: Mapping[str, str]) -> None:
        """Take the deployments from the index that have ended and need nothing more. Blocks."""
        for directory in map(self._root.directory, self._root.pending_deployments()):
            if self._needs_host(directory, generations):
                continue
            run_index.unmark(directory.path)
            # An artifact may have come in between.
            if self._needs_host(directory, generations):
                run_index.mark(directory.path)

    def uncleared(self) -> Sequence[str]:
        """Deployments with a record whose secrets are still on the disk."""
        return [
            deployment
            for deployment in self._root.pending_deployments()
            if self._root.directory(deployment).has_ended()
            and not self._root.directory(deployment).is_cleared()
        ]

    def _needs_host(self, directory: RunDirectory, generations: Mapping[str, str]) -> bool:
        if not directory.path.is_dir():
            return time.time() - run_index.marked_at(directory.path) < _MAKING_SECONDS
        return (
            directory.is_open
            or not directory.is_cleared()
            or self._outbox.has_pending(directory)
            or any(
                self._behind(directory, number, {**self._silent, **generations})
                for number in directory.steps()
            )
        )

    def _behind(
        self, directory: RunDirectory, step: int, generations: Mapping[str, str | None]
    ) -> list[str]:
        return sinks_behind(directory.step(step), generations, self._give_up_seconds)
