"""Passes of the worker's background loops: a failed pass is logged, and the next pass follows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.errors import AnavaError

__all__ = ["failure_logged"]

_log = logging.getLogger("anava.worker")


@contextmanager
def failure_logged(failure: str) -> Iterator[None]:
    """Log an exception of the block as `failure`, a defect with its traceback.

    A pass reads what other programs can write. An exception that left a loop would end the worker,
    and after the restart the next worker.
    """
    try:
        yield
    except (AnavaError, OSError) as error:
        _log.warning("%s: %s", failure, error)
    except Exception:  # noqa: BLE001 - logged; the next pass follows
        _log.exception("%s by a defect", failure)
