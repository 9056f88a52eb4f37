"""The Anava stack without an account: `anava up --google-stand-in`, and what cameras get of it."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx

from deployments.acap_config import SECRETS
from tests.support.anava_stack import APPLY_SECONDS
from tests.support.front import Front
from tests.support.machine import Machine
from tests.support.real_provider import PROJECT, VERSION

__all__ = ["as_example", "demonstrate"]

# What is another one in each deployment.
_FIXED = {"timestamp": "2026-01-01T00:00:00Z", "deploymentId": "dep-demonstration"}


async def demonstrate(folder: Path, mirror: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The deployment as the API tells it, and its `acap-config`; nothing is left running.

    Args:
        folder: the data folder of this machine.
        mirror: where Google's provider is.
    """
    machine = Machine(folder)
    machine.settings = {"ANAVA_TERRAFORM__MIRROR": str(mirror)}
    try:
        await machine.up("--google-stand-in", "--google-scenario", "everything-allowed")
        async with httpx.AsyncClient(base_url=machine.api, timeout=30, trust_env=False) as session:
            front = Front(session)
            path = await front.start(
                template="anava", project_id=PROJECT, variables={"propagation_seconds": 0}
            )
            ended = await front.ended(path, APPLY_SECONDS)
            config = await front.json(f"{path}/acap-config")
        assert machine.process is not None
        machine.process.send_signal(signal.SIGTERM)
        assert await machine.ended() == 0
    finally:
        await asyncio.to_thread(machine.end)
    return ended, config


def as_example(config: dict[str, Any]) -> str:
    """The configuration as it lies in examples/: the same for each deployment, without secrets."""
    text = json.dumps(config)
    # Google gives each app an id of its own.
    app = str(config["firebase"]["appId"])
    shown: dict[str, Any] = json.loads(text.replace(app, f"{app.rpartition(':')[0]}:demonstration"))
    shown["deployment"] |= _FIXED
    shown["deployment"]["outputs"]["template_version"] = VERSION
    for pointer in SECRETS:
        section, key = pointer.strip("/").split("/")
        shown[section][key] = "(secret)"
    return json.dumps(shown, indent=2) + "\n"
