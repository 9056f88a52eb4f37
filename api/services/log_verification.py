"""Verifies every copy of a deployment's log against the end records of the result."""

import asyncio
import json

from api.services.container import Services
from deployments.artifacts import RECORD
from deployments.errors import LogNotSealed, NotFound, Unavailable
from deployments.events import EndRecord
from deployments.execution import DeploymentSnapshot
from deployments.log_verification import Holding, Verdict, compare, verify

__all__ = ["verify_copies"]

# `record.json` holds the results of all steps: 0.3 MB for a thousand resources (measured).
_MAX_RECORD_BYTES = 32 * 1024 * 1024


async def verify_copies(
    services: Services, snapshot: DeploymentSnapshot
) -> tuple[list[EndRecord], list[Holding]]:
    """The end records, and the verdicts on `record.json` and on each store.

    A deployment that reached no host has no log and no `record.json`, which a host writes.

    Raises:
        LogNotSealed: the deployment is running, or has neither result nor record.
    """
    if not snapshot.is_terminal:
        raise LogNotSealed(f"The deployment has not ended: {snapshot.status}.")
    record = await _recorded(services, snapshot.id)
    if snapshot.result is not None:
        seals = snapshot.result.seals
    elif isinstance(record, list):
        seals = record
    elif record.verdict is Verdict.UNAVAILABLE:
        raise Unavailable(record.error)
    else:
        raise LogNotSealed("The deployment has neither a result nor a record.")
    async with services.verifying:
        stores = await asyncio.gather(
            *(verify(store, snapshot.id, seals) for store in services.copies)
        )
    recorded = record if isinstance(record, Holding) else compare(RECORD, record, seals)
    if snapshot.host is None and recorded.verdict is Verdict.MISSING:
        return seals, stores
    return seals, [recorded, *stores]


async def _recorded(services: Services, deployment: str) -> list[EndRecord] | Holding:
    """The end records in `record.json`, or the verdict on a missing or invalid file."""
    try:
        content = await services.artifacts.open(deployment, RECORD)
        if content.size_bytes > _MAX_RECORD_BYTES:
            error = f"the file has {content.size_bytes} bytes"
            return Holding(RECORD, Verdict.DIFFERS, error=error)
        text = b"".join([part async for part in content.chunks])
    except NotFound:
        return Holding(RECORD, Verdict.MISSING)
    except Unavailable as error:
        return Holding(RECORD, Verdict.UNAVAILABLE, error=str(error))
    try:
        return _seals(json.loads(text)["steps"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Holding(RECORD, Verdict.DIFFERS, error="the file is not a record of a deployment")


def _seals(steps: list[dict[str, object]]) -> list[EndRecord]:
    seals = [EndRecord.from_fields(step["seal"]) for step in steps if step["seal"] is not None]
    # Steps are numbered without gaps, and a verification has an entry for each number.
    if any(seal.step > len(steps) for seal in seals):
        raise ValueError("a number above that of the steps")
    return seals
