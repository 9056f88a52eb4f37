"""`anava demo`: a sandbox deployment, followed to the end."""

import sys

import typer

from cli.client import Client
from cli.exit_codes import ExitCode, exit_code
from cli.follow import Follower
from cli.live_display import display
from cli.render import deployment_lines
from cli.up import Up

__all__ = ["deploy_sandbox"]

_BODY = {
    "project_id": "demo-project-1",
    "prefix": "anava",
    "template": "sandbox",
    "variables": {"secret": "demo-secret-value", "resource_seconds": 1},
}


async def deploy_sandbox(up: Up, *, once: bool) -> int | None:
    """Deploy and follow; the exit code, or None to serve on a terminal unless `once` is set."""
    local = up.local
    typer.echo(f"API {local.api}   Temporal {local.ui}")
    async with Client(local.api) as http:
        id = str((await http.request("POST", "/api/deploy", _BODY))["id"])
        typer.echo(f"Deployment {id}")
        with display(as_json=False) as shown:
            await Follower(http, id, shown).run()
        deployment = await http.request("GET", f"/api/deployment/{id}")
    for line in deployment_lines(deployment):
        typer.echo(line)
    typer.echo(f"  {local.api}/api/deployment/{id}")
    status = exit_code(str(deployment.get("status")))
    if not once and sys.stdin.isatty() and sys.stdout.isatty() and status is ExitCode.OK:
        typer.echo("Serving until Ctrl-C.")
        return None
    return status
