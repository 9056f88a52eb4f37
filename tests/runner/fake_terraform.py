"""A terraform that does what its arguments say, for what the real one cannot be made to do.

Each argument is one step, `name` or `name:value`; run with `python -I -S`.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

_interrupts: list[int] = []


def _say(text: str) -> None:
    data = text.encode() + b"\n"
    # Like terraform, which drops the rest of a line that the disk refuses (measured).
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(1, data) :]


def _operation(kind: str) -> Callable[[str], None]:
    def say(address: str) -> None:
        content = {"hook": {"resource": {"addr": address}}, "type": kind}
        _say(json.dumps(content, separators=(",", ":")))

    return say


def _append(path: str) -> None:
    with open(path, "a") as file:  # noqa: PTH123 -- -S and -I: the fewer imports, the sooner it runs
        file.write("once\n")


def _wait_for_interrupts(count: str) -> None:
    while len(_interrupts) < int(count):
        time.sleep(0.01)


def _wait_for_file(path: str) -> None:
    while not os.path.exists(path):  # noqa: PTH110 -- as above
        time.sleep(0.01)


def _spin(seconds: str) -> None:
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        pass


def _spin_in_a_child(seconds: str) -> None:
    """Work as a provider does, in a process of terraform's group."""
    child = os.fork()
    if child == 0:
        _spin(seconds)
        os._exit(0)
    os.waitpid(child, 0)


def _poll(seconds: str) -> None:
    """Poll a server with almost no CPU, by read(2) and write(2) as Go does."""
    asker, server = socket.socketpair()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        os.write(asker.fileno(), b"x" * 2000)
        os.read(server.fileno(), 2000)
        time.sleep(0.2)


def _child(*, own_session: bool) -> Callable[[str], None]:
    def start(_value: str) -> None:
        # close_fds is off: terraform's own children inherit what it inherited.
        subprocess.Popen(["/bin/sleep", "1000"], close_fds=False, start_new_session=own_session)

    return start


STEPS: dict[str, Callable[[str], object]] = {
    "start": _operation("apply_start"),
    "complete": _operation("apply_complete"),
    "print": _say,
    "bytes": lambda count: _say("x" * int(count)),
    "append": _append,
    "exists": _wait_for_file,
    "pause": lambda seconds: time.sleep(float(seconds)),
    "deaf": lambda _value: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "interrupts": _wait_for_interrupts,
    "hang": lambda _value: time.sleep(1000),
    "child": _child(own_session=False),
    "spin": _spin,
    "spinchild": _spin_in_a_child,
    "poll": _poll,
    "killself": lambda number: os.kill(os.getpid(), int(number)),
    "daemon": _child(own_session=True),
    "exit": lambda status: os._exit(int(status)),
}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda number, _frame: _interrupts.append(number))
    # Its start blocks the signal, so that none is early.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    for step in sys.argv[1:]:
        name, _, value = step.partition(":")
        STEPS[name](value)
