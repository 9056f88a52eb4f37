"""Results of activities, each of which an operator can write with Temporal's command line, too.

A result that cannot be decoded must not fail the workflow task, which Temporal would repeat for
ever. So the workflow gets the payload, and decodes it itself.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, Unpack

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.activity_options import ActivityOptions
from workflows.cancellation import shielded

__all__ = ["execute", "is_ended_by_operator", "read", "start"]

_Value = TypeVar("_Value")
# A result of a worker of another release may be unreadable at every attempt.
_MAX_ATTEMPTS = 3


def start(
    method: Callable[..., Awaitable[object]],
    input: object,
    *,
    task_queue: str | None = None,
    **options: Unpack[ActivityOptions],
) -> workflow.ActivityHandle[RawValue]:
    """Schedule an activity, by default on the queue of the workflow."""
    return workflow.start_activity(
        method.__name__, input, task_queue=task_queue, result_type=RawValue, **options
    )


def read(
    result: RawValue,
    expected: type[_Value],
    is_plausible: Callable[[_Value], bool] = lambda _: True,
) -> _Value:
    """Decode the result of an activity.

    Raises:
        ActivityError: no worker of this release has written it; `is_ended_by_operator`.
    """
    try:
        value: _Value = workflow.payload_converter().from_payload(result.payload, expected)
    # The converter raises errors of many types for content that is made to break it.
    except Exception as error:  # noqa: BLE001
        raise _unreadable() from ApplicationError(f"The result cannot be read: {error}")
    if not is_plausible(value):
        raise _unreadable() from ApplicationError("The result is not of this activity.")
    return value


async def execute(
    method: Callable[..., Awaitable[object]],
    input: object,
    expected: type[_Value],
    is_plausible: Callable[[_Value], bool] = lambda _: True,
    *,
    cancels: bool = False,
    task_queue: str | None = None,
    **options: Unpack[ActivityOptions],
) -> _Value:
    """Await an activity, again where an operator ended it; a repeat of each is safe.

    `cancels`: a cancel of the workflow cancels the activity; else its end is awaited.

    Raises:
        ActivityError: the activity failed, or an operator ended it three times.
    """
    attempt = 0
    while True:
        attempt += 1
        handle = start(method, input, task_queue=task_queue, **options)
        try:
            result = await shielded(handle, cancel=handle.cancel if cancels else None)
            return read(result, expected, is_plausible)
        except ActivityError as error:
            if not is_ended_by_operator(error) or attempt == _MAX_ATTEMPTS:
                raise
            workflow.logger.warning("%s is repeated: %s", method.__name__, error.cause)


def is_ended_by_operator(error: ActivityError) -> bool:
    """Whether no worker wrote the end: a worker's failure has the name of a class as its type."""
    return isinstance(error.cause, ApplicationError) and not error.cause.type


def _unreadable() -> ActivityError:
    return ActivityError(
        "The activity has ended with an unreadable result.",
        scheduled_event_id=0,
        started_event_id=0,
        identity="",
        activity_type="",
        activity_id="",
        retry_state=None,
    )
