"""A terraform that does what its arguments say, for what the real one cannot be made to do.

Each argument is one step, `name` or `name:value`; run with `python -I -S`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

_interrupts: list[int] = []


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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
    "pause": lambda seconds: time.sleep(float(seconds)),
    "deaf": lambda _value: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "interrupts": _wait_for_interrupts,
    "hang": lambda _value: time.sleep(1000),
    "child": _child(own_session=False),
    "daemon": _child(own_session=True),
    "exit": lambda status: os._exit(int(status)),
}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda number, _frame: _interrupts.append(number))
    for step in sys.argv[1:]:
        name, _, value = step.partition(":")
        STEPS[name](value)
