"""Every copy of a deployment's log against the seals of its result."""

import asyncio
import json

from api.services.container import Services
from deployments.artifacts import RECORD
from deployments.errors import LogNotSealed, NotFound
from deployments.events import EndKind, Seal
from deployments.execution import DeploymentSnapshot
from deployments.log_verification import Holding, Verdict, compare, verify

__all__ = ["verify_copies"]

# A record holds what each step left; a thousand resources have 0.3 MB (measured).
_MOST_RECORD_BYTES = 32 * 1024 * 1024


async def verify_copies(
    services: Services, snapshot: DeploymentSnapshot
) -> tuple[list[Seal], list[Holding]]:
    """The seals, and how the record and each store compare with them.

    Raises:
        LogNotSealed: the deployment runs, or it left neither result nor record.
    """
    if not snapshot.is_terminal:
        raise LogNotSealed(f"The deployment has not ended: {snapshot.status}.")
    record = await _recorded(services, snapshot.id)
    if snapshot.result is not None:
        seals = snapshot.result.seals
    elif isinstance(record, list):
        seals = record
    else:
        raise LogNotSealed("The deployment has left neither result nor record.")
    async with services.verifying:
        stores = await asyncio.gather(
            *(verify(item, snapshot.id, seals) for item in services.copies)
        )
    known = record if isinstance(record, Holding) else compare(RECORD, record, seals)
    return seals, [known, *stores]


async def _recorded(services: Services, deployment: str) -> list[Seal] | Holding:
    """The seals that `record.json` holds, or what is wrong with it."""
    try:
        content = await services.artifacts.open(deployment, RECORD)
    except NotFound:
        return Holding(RECORD, Verdict.MISSING)
    if content.size_bytes > _MOST_RECORD_BYTES:
        return Holding(RECORD, Verdict.DIFFERS, error=f"it has {content.size_bytes} bytes")
    text = b"".join([part async for part in content.chunks])
    try:
        steps = json.loads(text)["steps"]
        return [_seal(step["seal"]) for step in steps if step["seal"] is not None]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Holding(RECORD, Verdict.DIFFERS, error="it is no record")


def _seal(content: dict[str, object]) -> Seal:
    lines, step = content["lines"], content["step"]
    if not (isinstance(lines, int) and isinstance(step, int)):
        raise TypeError("a seal counts")
    return Seal(step, EndKind(str(content["end"])), lines, str(content["sha256"]))
