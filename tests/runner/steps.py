"""A step as a worker sees it: writes what the worker writes, reads what the runner wrote."""

import fcntl
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.stop_ladder import LadderLimits
from tests.support.processes import end_processes_below

REPOSITORY = Path(__file__).parents[2]
RUNNER = REPOSITORY / "runner/__main__.py"
SANDBOX = REPOSITORY / "terraform/sandbox"
# An interrupt before Python handles it would end the program, so it waits.
FAKE = [
    *("/usr/bin/env", "--block-signal=INT", sys.executable, "-I", "-S"),
    str(Path(__file__).with_name("fake_terraform.py")),
]

# Everything awaited here takes far less; it is there to end a test that has gone wrong.
PATIENCE_SECONDS = 30.0

# Nothing in a ladder happens within a test unless the test asks for it.
CALM = dict.fromkeys(LadderLimits.__slots__, 600.0)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something to become true."""
    pause = threading.Event()
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        pause.wait(0.01)


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def terraform_binary() -> str:
    found = shutil.which("terraform")
    assert found, "terraform is on PATH"
    return found


class Step:
    """One step below a test's own folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "step"
        self.folder.mkdir(parents=True)
        self.work = root / "work"
        self.work.mkdir()
        self.runners: list[subprocess.Popen[bytes]] = []
        (root / "terraformrc").write_text("disable_checkpoint = true\n")
        self.environment = {
            "CHECKPOINT_DISABLE": "1",
            "HOME": str(root),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TF_CLI_CONFIG_FILE": str(root / "terraformrc"),
            "TF_IN_AUTOMATION": "1",
        }

    def describe(
        self,
        phase: str = "plan",
        *,
        deadline: float = 600.0,
        no_progress: float = 600.0,
        **ladder: float,
    ) -> "Step":
        """Write step.json and a lease of five minutes; returns itself."""
        content = {
            "format": 1,
            "deployment": "dep-test",
            "step": 3,
            "phase": phase,
            "argv": [],
            "environment": self.environment,
            "deadline_seconds": deadline,
            "no_progress_seconds": no_progress,
            "ladder": CALM | ladder,
        }
        (self.folder / "step.json").write_text(json.dumps(content))
        self.lease(300)
        return self

    def lease(self, seconds: float) -> None:
        self._replace("lease", f"{boottime() + seconds}\n")

    def stop(self, cause: str, *, force: bool = False) -> None:
        content = {
            "format": 1,
            "cause": cause,
            "force": force,
            "requested_at": "2026-01-01T00:00:00Z",
        }
        self._replace("stop.json", json.dumps(content))

    def _replace(self, name: str, text: str) -> None:
        draft = self.folder / f".{name}.test"
        draft.write_text(text)
        draft.replace(self.folder / name)

    def credential(self, token: str, seconds: float) -> None:
        """Lay down a token as a worker does."""
        content = {
            "format": 1,
            "token": token,
            "until_boottime": boottime() + seconds,
            "email": "robot@demo-project-1.iam.gserviceaccount.com",
            "project_id": "demo-project-1",
        }
        self._replace("credential.json", json.dumps(content))

    def start(
        self, *argv: str, before: tuple[str, ...] = (), with_credential: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Start the runner as a worker does; `before` is put in front of it."""
        options = ["--credential"] if with_credential else []
        return self._python(*before, arguments=[str(self.folder), *options, "--", *argv])

    def start_finish(self) -> "subprocess.Popen[bytes]":
        return self._python(arguments=["--finish", str(self.folder)])

    def _python(self, *before: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / "runner.err").open("ab") as errors:
            runner = subprocess.Popen(  # noqa: S603 -- the runner is what is tested
                [*before, sys.executable, "-I", "-S", str(RUNNER), *arguments],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.runners.append(runner)
        return runner

    def run(self, *argv: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
        """Run to the end; returns exit.json."""
        return self.ended(self.start(*argv, before=before))

    def ended(self, runner: "subprocess.Popen[bytes]") -> dict[str, Any]:
        """exit.json, when the runner has left."""
        assert runner.wait(PATIENCE_SECONDS) == 0, self.errors
        assert self.errors == ""
        return self.exit

    def fake(self, *steps: str, with_credential: bool = False) -> "subprocess.Popen[bytes]":
        return self.start(*FAKE, *steps, with_credential=with_credential)

    def finish(self) -> dict[str, Any]:
        return self.ended(self.start_finish())

    def prints(self, text: str) -> None:
        """Wait until terraform has printed this."""
        until(lambda: text in self.spool, f"{text!r} in the spool")

    @property
    def spool(self) -> str:
        file = self.folder / "spool"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def errors(self) -> str:
        return (self.folder / "runner.err").read_text()

    @property
    def started(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "started.json").read_text())
        return content

    @property
    def exit(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "exit.json").read_text())
        return content

    @property
    def names(self) -> set[str]:
        return {file.name for file in self.folder.iterdir()}

    @property
    def alive(self) -> bool:
        """Whether something of the step lives, as a supervisor finds out."""
        with (self.folder / "alive.lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def copy_sandbox(self) -> None:
        shutil.copytree(SANDBOX, self.work, dirs_exist_ok=True)
        state = str(self.work.parent / "state.json")
        backend = {"terraform": {"backend": {"local": {"path": state}}}}
        (self.work / "backend.tf.json").write_text(json.dumps(backend))

    def variables(self, **values: str | float) -> None:
        content = {"project_id": "anava-demo-1", "resource_seconds": 0, **values}
        (self.work / "terraform.tfvars.json").write_text(json.dumps(content))

    def terraform(self, *arguments: str) -> str:
        """Raw terraform, without the runner."""
        done = subprocess.run(  # noqa: S603 -- terraform itself
            [terraform_binary(), *arguments],
            cwd=self.work,
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        return done.stdout.decode()

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        for runner in self.runners:
            if runner.poll() is None:
                runner.kill()
            runner.wait()
        end_processes_below(self.work)
