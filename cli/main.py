"""The `anava` command.

Exit codes: 0 ok; 1 the deployment failed or needs attention, or the service is not well; 2 wrong
usage or a refused request; 3 the deployment was cancelled; 4 nobody answers at the API's address;
130 interrupted.
"""

import importlib
import os
from typing import Annotated, NoReturn

import typer

from adapters import settings
from adapters.temporal import client
from cli import deployments
from cli import up as up_module
from cli import worker as worker_module
from cli.demo import Demo
from cli.exit_codes import ExitCode, finish
from cli.google_stand_in import with_stand_in
from cli.up import Up

__all__ = ["app"]

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(deployments.app)


@app.callback()
def _main(context: typer.Context) -> None:
    # Asked only by commands that were not told an address.
    context.obj = _address


def _address() -> str:
    found = settings.load().api
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"http://{host}:{found.port}"


@app.command()
def worker(
    supervise: Annotated[bool, typer.Option("--supervise", help="Restart it; for pid 1.")] = False,
    drain: Annotated[bool, typer.Option("--drain", help="Stop terraform on SIGTERM.")] = False,
) -> None:
    """Run a worker."""
    if supervise:
        raise typer.Exit(worker_module.supervise(drain=drain))
    worker_module.run(drain=drain)


@app.command("api")
def serve_api() -> None:
    """Run the API."""
    # By name: the command line and the API do not know each other otherwise.
    raise typer.Exit(importlib.import_module("api.main").main())


@app.command()
def register() -> None:
    """Register what Temporal must know: search attributes, retention."""

    async def work() -> NoReturn:
        connection = await client.connect()
        await client.register(connection)
        await client.set_retention(connection)
        # A normal end crashes at times inside the SDK (https://github.com/temporalio/sdk-python/issues/300).
        os._exit(ExitCode.OK)

    finish(work())


@app.command()
def up(
    temporal_port: Annotated[int, typer.Option()] = 7233,
    temporal_ui_port: Annotated[int, typer.Option()] = 8233,
    no_ui: Annotated[bool, typer.Option("--no-ui")] = False,
    google_stand_in: Annotated[
        bool, typer.Option("--google-stand-in", help="Ask a stand-in, never Google.")
    ] = False,
) -> None:
    """Run the whole service on this machine."""

    async def serve(service: Up) -> int | None:
        local = service.local
        if local.google_port is not None:
            address = f"http://127.0.0.1:{local.google_port}"
            typer.echo(f"Google       {address}, a stand-in with the project demo-proj")
        typer.echo(f"API          {local.api}\nTemporal UI  {local.ui or 'off'}")
        typer.echo(f"Logs         {local.data / 'logs'}\nReady; Ctrl-C stops.")
        return None

    async def work() -> int:
        ui_port = None if no_ui else temporal_ui_port
        local = up_module.default_environment(temporal_port, ui_port)
        if google_stand_in:
            local = with_stand_in(local, settings.load().terraform.mirror)
        return await up_module.run(local, serve)

    finish(work())


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End with the deployment.")] = False,
) -> None:
    """Start everything, deploy the sandbox and watch it."""

    async def work() -> int:
        return await up_module.run(up_module.demo_environment(), Demo(once=once).run)

    finish(work())


if __name__ == "__main__":
    app()
