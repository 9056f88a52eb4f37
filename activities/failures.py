"""The edge to Temporal: our errors become application errors, once and here."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from deployments.errors import AnavaError

__all__ = ["translated"]


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors as Temporal understands them; the class's name is the type."""
    try:
        yield
    except AnavaError as error:
        raise ApplicationError(
            str(error), type=type(error).__name__, non_retryable=not error.retryable
        ) from error
