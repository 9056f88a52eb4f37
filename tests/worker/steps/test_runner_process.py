"""The runner starts also with an interpreter that needs the path of its shared libraries."""

import sys
from pathlib import Path

import pytest

from adapters.local.inotify import FileChanges
from adapters.settings import Settings, inherited_environment
from adapters.terraform.state.backends import StateBackends
from deployments.phase import Phase
from deployments.step import StepKey, StepOrder
from deployments.timings import StopLadder
from worker.owner_bytes import OwnerBytes
from worker.steps.context import HostContext
from worker.steps.runner_process import RunnerProcess

LIBRARIES = "/opt/python/lib"
INTERPRETER = """#!/bin/sh
[ "$LD_LIBRARY_PATH" = "/opt/python/lib" ] || { echo "libpython3.so: no such file" >&2; exit 127; }
echo "$@" >>"$0.calls"
"""


def context(tmp_path: Path) -> HostContext:
    environment = {"LD_LIBRARY_PATH": LIBRARIES, "PATH": "/bin", "TF_LOG": "trace"}
    return HostContext(
        workers=tmp_path,
        worker="w",
        terraform="terraform",
        path="/bin",
        cli_config=tmp_path / "terraform.tfrc",
        changes=FileChanges(),
        redactor=lambda _: pytest.fail("no output is read"),
        states=StateBackends(Settings(), environment),
        durations=lambda: pytest.fail("no progress is read"),
        owners=OwnerBytes.open(Settings(data_dir=tmp_path)),
        inherited=inherited_environment(Settings(), environment),
    )


async def test_both_starts_of_a_runner_keep_the_path_of_shared_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`error while loading shared libraries: libpython3.11.so.1.0`, and no step started."""
    interpreter = tmp_path / "python"
    interpreter.write_text(INTERPRETER)
    interpreter.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    run, folder = tmp_path / "dep-1", tmp_path / "dep-1" / "steps" / "1"
    (run / "work").mkdir(parents=True)
    folder.mkdir(parents=True)
    runner = RunnerProcess(run, folder, context(tmp_path), lambda: None)
    order = StepOrder(StepKey("dep-1", 1), Phase.INIT, 60, 60, 60, StopLadder())

    runner.place(order)
    await runner.start()
    await runner.wait()
    await runner.finish()
    await runner.wait()

    assert (folder / "runner.err").read_text() == ""
    start, finish = (tmp_path / "python.calls").read_text().splitlines()
    assert f"{folder} -- terraform" in start
    assert "--finish" in finish
