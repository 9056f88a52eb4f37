"""The command line against an API of a test."""

import asyncio
import sys

from api.server import Server


async def anava(server: Server, *arguments: str) -> tuple[int | None, str]:
    """Run a command to its end; the exit status and the output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        *("--api", f"http://127.0.0.1:{server.port}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()
