"""Timeouts, heartbeats and retries of every activity."""

from dataclasses import replace
from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from deployments.step import StepOrder
from deployments.timings import Timings

__all__ = [
    "CHECK_PROJECT",
    "FIND_EXISTING",
    "PREPARE",
    "REPORT_PLAN",
    "STOP_STEP",
    "ActivityOptions",
    "finalize",
    "run_step",
]


class ActivityOptions(TypedDict, total=False):
    """Temporal's options without the task queue, which the caller names."""

    activity_id: str
    schedule_to_start_timeout: timedelta
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType
    summary: str


_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=10,
)
# A step whose worker is silent is attached by the workflow, in a new activity (ADR 6). The name is
# Temporal's own type of the failure (tried on server 1.32).
_STEP_ATTEMPTS = replace(_ATTEMPTS, non_retryable_error_types=["TemporalTimeout:Heartbeat"])
# A Google that does not answer costs half a minute per attempt, in all about four minutes.
_GOOGLE_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=6,
)
# The longest is `finalize_deployment`: 60 s each for a runner's exit, a push of the state, a pull,
# and the sending of artifacts, in all 240 s; calls to the state's bucket take up to 10 s each.
# `report_plan` takes up to 180 s: two terraform commands and the sending, 60 s each.
_SHORT = timedelta(seconds=300)
# A person waits for the answer: an attempt that waits for a build takes 280 s, so that three take a
# quarter of an hour. No limit for all of them: it would count the time without a worker, too.
_SURVEY_ATTEMPTS = replace(_GOOGLE_ATTEMPTS, maximum_attempts=3)
# These activities heartbeat once a second, so a dead worker costs seconds.
_SHORT_HEARTBEAT = timedelta(seconds=5)


def _short(summary: str, attempts: RetryPolicy = _ATTEMPTS) -> ActivityOptions:
    return ActivityOptions(
        start_to_close_timeout=_SHORT,
        heartbeat_timeout=_SHORT_HEARTBEAT,
        retry_policy=attempts,
        summary=summary,
    )


CHECK_PROJECT = _short("checks the Google project", _GOOGLE_ATTEMPTS)
FIND_EXISTING = _short("finds planned resources that exist already", _SURVEY_ATTEMPTS)
# Without a schedule-to-start timeout: while all hosts are full, the deployment waits for a place.
PREPARE = _short("a host with a free place makes the run directory")
REPORT_PLAN = _short("stores the plan as artifacts")
# Writes a small file; when the worker dies, the next worker repeats the write.
STOP_STEP = ActivityOptions(
    start_to_close_timeout=timedelta(seconds=3), summary="makes the runner stop terraform"
)


def run_step(order: StepOrder, timings: Timings, schedule_to_start_seconds: int) -> ActivityOptions:
    """Options for a step; a repeated attempt attaches to the running terraform."""
    limit = timings.start_to_close_seconds(order.deadline_seconds)
    return ActivityOptions(
        activity_id=order.key.activity_id,
        schedule_to_start_timeout=timedelta(seconds=schedule_to_start_seconds),
        start_to_close_timeout=timedelta(seconds=limit),
        heartbeat_timeout=timedelta(seconds=timings.heartbeat_timeout_seconds),
        retry_policy=_STEP_ATTEMPTS,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"terraform {order.phase}",
    )


def finalize(timings: Timings) -> ActivityOptions:
    """Options for the activity that reconciles and records a deployment's end."""
    options = _short("reconciles with the state and stores the record")
    options["schedule_to_start_timeout"] = timedelta(seconds=timings.host_absence_seconds)
    return options
