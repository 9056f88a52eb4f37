"""`anava demo`: one sandbox deployment, watched from its start to its end."""

import sys

import typer

from cli.client import Client
from cli.exit_codes import ExitCode, exit_code
from cli.follow import Follower
from cli.live_display import display
from cli.render import deployment_lines
from cli.up import Up

__all__ = ["Demo"]

_BODY = {
    "project_id": "demo-project-1",
    "prefix": "anava",
    "template": "sandbox",
    "variables": {"secret": "demo-secret-value", "resource_seconds": 1},
}


class Demo:
    """The work of a demo; `once` ends with the deployment."""

    def __init__(self, *, once: bool) -> None:
        self._serve = not once and sys.stdin.isatty() and sys.stdout.isatty()

    async def run(self, up: Up) -> int | None:
        """Deploy and follow; None when it is to go on serving."""
        local = up.local
        typer.echo(f"API {local.api}   Temporal {local.ui}")
        async with Client(local.api) as http:
            started = await http.request("POST", "/api/deploy", _BODY)
            typer.echo(f"Deployment {started['id']}")
            with display(as_json=False) as shown:
                await Follower(http, str(started["id"]), shown).run()
            found = await http.request("GET", f"/api/deployment/{started['id']}")
        for text in deployment_lines(found):
            typer.echo(text)
        typer.echo(f"  {local.api}/api/deployment/{started['id']}")
        status = exit_code(str(found.get("status")))
        if self._serve and status is ExitCode.OK:
            typer.echo("Serving until Ctrl-C.")
            return None
        return status
