"""Starts runners. They are children only until the worker ends, and never die with it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["RunnerProcesses"]

_RUNNER = Path(__file__).resolve().parents[2] / "runner" / "__main__.py"

# Between its exit record and its end a runner only closes files.
_LAST_BREATH_SECONDS = 5


class RunnerProcesses:
    """The runners that this worker started for one step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        options: Sequence[str],
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
    ) -> None:
        """Start one that starts terraform."""
        self._spawn([str(self._folder), *options, "--", *argv], environment, cwd)

    def finish(self) -> None:
        """Start one that ends what a killed runner left behind."""
        self._spawn(["--finish", str(self._folder)], {}, self._folder)

    def reap(self) -> bool:
        """Take in those that have ended; whether one is still there."""
        self._started = [item for item in self._started if item.poll() is None]
        return bool(self._started)

    def wait(self) -> None:
        """Wait for the last one's end; its exit record is there."""
        for item in self._started:
            try:
                item.wait(_LAST_BREATH_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        self.reap()

    def _spawn(self, arguments: list[str], environment: Mapping[str, str], cwd: Path) -> None:
        # A file, never a pipe: a pipe's reader dies with the worker, and SIGPIPE would follow.
        with (self._folder / "runner.err").open("ab") as errors:
            self._started.append(
                subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                    # No site, no user folder, no PYTHON… variables: 10 ms instead of 40.
                    [sys.executable, "-I", "-S", str(_RUNNER), *arguments],
                    env=dict(environment),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,
                )
            )
