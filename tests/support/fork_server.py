"""Runs the worker and the API in forks of a process that has imported them.

A start then takes 0.03 s of CPU; the imports alone take 0.7 s (worker) and 1.0 s (API). Run as a
program by `tests.support.forked`. Each line of stdin is a request. Lines of stdout are `started
PID`, in the order of the requests, and `ended PID STATUS`.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO

_PROGRAMS = ("worker_main", "api.main", "cli.main")
# Of the process limit, what a program of the service has inherited at its start.
_MAX_DESCRIPTORS = 256


def serve(requests: TextIO, answers: int) -> None:
    """Fork a process for each request, until the end of the requests."""

    def report(line: str) -> None:
        os.write(answers, f"{line}\n".encode())

    def reap(*_: object) -> None:
        while ended := _ended_child():
            report(f"ended {ended[0]} {ended[1]}")

    signal.signal(signal.SIGCHLD, reap)
    # Ctrl-C reaches the whole process group; the tests then end what they started.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Otherwise the first full collection in a child copies the pages of all imports.
    gc.freeze()
    for line in requests:
        request = json.loads(line)
        if pid := os.fork():
            report(f"started {pid}")
        else:
            _become(request)


def _ended_child() -> tuple[int, int] | None:
    """Pid and exit status of a child that has ended, as `subprocess` shows the status."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def _become(request: dict[str, Any]) -> NoReturn:
    """Run the program as after an `exec`: its environment, descriptors, signals and arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(Path(request["log"]))
    environment = os.environ  # noqa: TID251 - replaced as a whole, before the program reads it
    environment.clear()
    environment.update(request["environment"])
    status = 1
    try:
        _run(request["argv"])
        status = 0
    except BaseException:  # noqa: BLE001 - shown as the interpreter shows it
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    os._exit(status)


def _redirect(log: Path) -> None:
    os.closerange(3, _MAX_DESCRIPTORS)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    empty = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, standard)
    os.close(output)
    os.close(empty)


def _run(argv: list[str]) -> None:
    if argv[0] == "-m":
        _, module, *arguments = argv
        # It becomes `__main__`, as with `python -m`; runpy warns of a module that is imported.
        sys.modules.pop(module)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    for name in _PROGRAMS:
        importlib.import_module(name)
    # Copies, since `sys.stdin` and `sys.stdout` must be unused in the forked program.
    serve(os.fdopen(os.dup(0)), os.dup(1))
