"""Run as another account of the machine: all that it can try with the port of Temporal."""

import asyncio
import encodings.idna
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.client import Client

from adapters.temporal.payloads import DATA_CONVERTER
from deployments.deployment import DeploymentRequest, Stack
from deployments.step_order import DeploymentInput
from tests.scenarios.hostile_inputs import hostile_inputs
from tests.support.ids import deployment_id
from tests.support.intruder import Call, intrude, start_raw
from tests.support.service import SHORT

_NOBODY = 65534
# Loaded here: the other account may not read the folder of the interpreter.
_LOADED = (ThreadPoolExecutor, encodings.idna)
_FOREIGN = "../../evil/d1"


async def main(address: str, data: Path, host: str, victim: str) -> dict[str, object]:
    """Try each door; returns how each try ended."""
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    stack = Stack("sandbox", "demo-project-1", "foreign")
    input = DeploymentInput("local", DeploymentRequest(stack, "us-central1", "US"), SHORT)
    started = [await start_raw(client, id, input) for id in (_FOREIGN, deployment_id("foreign"))]
    calls = [
        (id, Call(queue, activity, content))
        for target in (_FOREIGN, victim)
        for queue, activity, content in hostile_inputs(f"anava@{host}", target)
        for id in (_FOREIGN, victim)
    ]
    return {
        "started": started,
        "called": sorted(set(await intrude(client, calls))),
        "read": [_try(path.read_bytes) for path in (data / "secrets.key", data / "temporal.db")],
        "listed": _try(lambda: list((data / "runs").iterdir())),
        "removed": _try((data / "secrets.key").unlink),
    }


def _try(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"


if __name__ == "__main__":
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    address, data, host, victim = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(main(address, Path(data), host, victim))))
