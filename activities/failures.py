"""Translates AnavaError to Temporal's ApplicationError, for all activities."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from deployments.errors import AnavaError

__all__ = ["translated"]


@contextmanager
def translated() -> Iterator[None]:
    """Raise an AnavaError of the block as an ApplicationError whose type is the class name."""
    try:
        yield
    except AnavaError as error:
        raise ApplicationError(
            str(error), type=type(error).__name__, non_retryable=not error.retryable
        ) from error
