"""The end of a process that used Temporal's client: with the exit status of the program.

The SDK's threads call into the interpreter while it shuts down, and the process then ends with
`Fatal Python error: PyGILState_Release`, status 134 or 139, in 1 of 40 to 1 of 3 runs
(https://github.com/temporalio/sdk-python/issues/300, measured). So every program of this service
ends without the interpreter's shutdown: no `atexit` function and no `__del__` runs.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

__all__ = ["run_and_exit"]

# The exit status where the output cannot be written: that of a refused command.
_CANNOT_WRITE = 2
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def run_and_exit(program: Callable[[], int]) -> NoReturn:
    """Run a program to its exit status, flush its output, and end the process.

    A negative status is the number of the signal that ends the process, as in `subprocess`.
    """
    _open_missing_streams()
    status = _flushed(_status_of(program))
    if status < 0:
        _end_by_signal(-status)
    os._exit(status)


def _status_of(program: Callable[[], int]) -> int:
    try:
        return program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        with suppress(OSError):
            sys.stderr.write(f"{end.code}\n")
        return 1
    except KeyboardInterrupt:
        return -signal.SIGINT
    except BaseException:  # noqa: BLE001 - shown as the interpreter shows it
        sys.excepthook(*sys.exc_info())
        return 1


def _flushed(status: int) -> int:
    """Flush both streams; the status, or that of an output without a reader or without space."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = status or -signal.SIGPIPE
    except OSError as error:
        if status == 0:
            status = _CANNOT_WRITE
            with suppress(OSError):
                sys.stderr.write(f"The output is incomplete: {error.strerror}.\n")
    with suppress(OSError):
        sys.stderr.flush()
    return status


def _end_by_signal(number: int) -> None:
    # The shell and the caller then see the cause, as of a program that ignores no signal.
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)


def _open_missing_streams() -> None:
    """Open /dev/null in place of each standard stream that the caller closed.

    Otherwise the stream is `None`, and the next file or socket gets the stream's descriptor.
    """
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
