"""Converts values to Temporal's payloads, each within the limits of the server.

Every value passes here: inputs and results of workflows and activities, heartbeats, signals, memo.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultPayloadConverter,
    PayloadConverter,
)

from deployments.payload_size import MAX_PAYLOAD_BYTES, cut, fit

__all__ = ["DATA_CONVERTER"]


class BoundedPayloadConverter(DefaultPayloadConverter):
    """Temporal's converter; a value that is too large for a payload is shortened first."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Encode each value."""
        return [
            payload
            if len(payload.data) <= MAX_PAYLOAD_BYTES
            else super(BoundedPayloadConverter, self).to_payloads([fit(value)])[0]
            for value, payload in zip(values, super().to_payloads(values), strict=True)
        ]


class BoundedFailureConverter(DefaultFailureConverter):
    """Temporal's converter; cuts the texts of an error and of its causes.

    For a failure above 2 MiB the server stores "Failure exceeds size limit." instead (measured),
    without the type.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """Encode an exception."""
        super().to_failure(exception, payload_converter, failure)
        failure.message = cut(failure.message)
        failure.stack_trace = cut(failure.stack_trace)
        if failure.ByteSize() > MAX_PAYLOAD_BYTES:
            # A long chain of causes; the worker's log has the chain.
            failure.ClearField("cause")


DATA_CONVERTER = replace(
    DataConverter.default,
    payload_converter_class=BoundedPayloadConverter,
    failure_converter_class=BoundedFailureConverter,
)
