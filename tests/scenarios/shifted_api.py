"""The API on a machine whose clock is wrong: run as a program with the shift in seconds.

Shifts the times that Python reads; the files' times stay those of the kernel.
"""

import datetime
import sys
import time

SHIFT_SECONDS = float(sys.argv[1])


class ShiftedDatetime(datetime.datetime):
    """A clock that is wrong by so many seconds."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return datetime.datetime.fromtimestamp(time.time(), tz)


def shift() -> None:
    """Before any module of the service takes the names."""
    right_time = time.time
    setattr(time, "time", lambda: right_time() + SHIFT_SECONDS)  # noqa: B010 - a module's name
    setattr(datetime, "datetime", ShiftedDatetime)  # noqa: B010 - a module's name


if __name__ == "__main__":
    shift()
    from adapters.process_exit import run_and_exit
    from api.main import main

    run_and_exit(main)
