"""The `anava` command.

Exit codes: 0 success; 1 the deployment failed or needs attention, the service
is unhealthy, or a finding blocks a deployment; 2 wrong usage or a refused
request; 3 the deployment was cancelled or discarded; 4 the API does not
answer; 130 interrupted by Ctrl-C.
"""

import importlib
import json
import sys
from functools import partial
from typing import Annotated, NoReturn

import typer

from adapters import settings
from adapters.process_exit import run_and_exit
from adapters.temporal import client
from cli import deployments
from cli import up as up_module
from cli import validate as validate_module
from cli import worker as worker_module
from cli.client import Client
from cli.exit_codes import ExitCode, cannot_write, command, exit_code, run_to_exit_code
from cli.follow import Follower
from cli.google_stand_in import DEFAULT_SCENARIO, with_stand_in
from cli.live_display import display
from cli.output import encode_for_terminal
from cli.render import deployment_lines, parse_variables, retention_lines, validation_lines
from cli.up import Up
from deployments.log_text import visible
from deployments.requests import DeploymentFields

__all__ = ["app", "main"]

_DEMO = {
    "project_id": "demo-project-1",
    "prefix": "anava",
    "template": "sandbox",
    "variables": {"secret": "demo-secret-value", "resource_seconds": 1},
}

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(deployments.app)


@app.callback()
def _main(context: typer.Context) -> None:
    # A function, since only commands without --api read the settings.
    context.obj = lambda: up_module.default_environment().api


@app.command()
def worker(
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Run it as a child process, restarted after each exit."),
    ] = False,
    drain: Annotated[bool, typer.Option("--drain", help="Stop terraform on SIGTERM.")] = False,
) -> None:
    """Run a worker. As pid 1 of a container use --restart."""
    if restart:
        raise typer.Exit(run_to_exit_code(worker_module.run_with_restarts(drain=drain)))
    raise typer.Exit(worker_module.run(drain=drain))


@app.command("api")
def serve_api() -> None:
    """Run the API."""
    # Imported by name: the rooms `cli` and `api` are independent of each other.
    raise typer.Exit(importlib.import_module("api.main").main())


@app.command("temporal-ui")
def serve_temporal_ui() -> None:
    """Serve Temporal's Web UI on loopback, and refuse the requests of other web pages."""
    raise typer.Exit(importlib.import_module("api.temporal_ui_main").main())


@command(app)
async def register() -> int:
    """Register search attributes with Temporal and set the retention of the namespace."""
    connection = await client.connect()
    await client.register(connection)
    await client.set_retention(connection)
    return ExitCode.OK


@command(app)
async def retention(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be deleted; delete nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Delete data after their retention, as each worker of this host does hourly."""
    reports = await worker_module.run_retention(dry_run=dry_run)
    lines = (
        [json.dumps(reports, indent=2)] if as_json else retention_lines(reports, dry_run=dry_run)
    )
    for line in lines:
        typer.echo(line)
    return ExitCode.FAILED if any(report["error"] for report in reports) else ExitCode.OK


@command(app)
async def validate(
    project: Annotated[str, typer.Option(help="Google Cloud project id.")],
    prefix: Annotated[str, typer.Option(help="Name of the stack in the project.")] = "",
    region: Annotated[str, typer.Option(help="Region, like us-central1.")] = "",
    storage_location: Annotated[str, typer.Option(help="Location of buckets, like US.")] = "",
    var: Annotated[list[str] | None, typer.Option(help="Template variable, key=value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> int:
    """Check whether the Anava stack can be deployed in a project. Only reads; needs no service.

    Exits 0 when nothing blocks a deployment, 1 when a finding blocks it.
    """
    try:
        variables = parse_variables(var or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    fields = DeploymentFields(
        project,
        "anava",
        region or DeploymentFields.region,
        prefix or DeploymentFields.prefix,
        storage_location or DeploymentFields.storage_location,
        variables,
    )
    validation = await validate_module.validate(fields)
    lines = [json.dumps(validation)] if as_json else validation_lines(validation)
    for line in lines:
        typer.echo(visible(line))
    return ExitCode.OK if validation["ready"] else ExitCode.FAILED


@command(app)
async def up(
    temporal_port: Annotated[int, typer.Option(help="Port of Temporal.")] = 7233,
    temporal_ui_port: Annotated[int, typer.Option(help="Port of Temporal's Web UI.")] = 8233,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Run without Temporal's Web UI.")] = False,
    google_stand_in: Annotated[
        bool, typer.Option("--google-stand-in", help="Use a simulated Google, never the real one.")
    ] = False,
    google_scenario: Annotated[
        str, typer.Option(help="Scenario of the simulated Google; see google_stand_in/README.md.")
    ] = DEFAULT_SCENARIO,
) -> int:
    """Run the whole service on this machine."""

    async def serve(service: Up) -> int | None:
        local = service.local
        if local.google_port is not None:
            address = f"http://127.0.0.1:{local.google_port}"
            typer.echo(f"Google       {address}, simulated, with the project demo-proj")
            typer.echo(f"Scenario     {local.google_scenario}")
        typer.echo(f"API          {local.api}\nTemporal UI  {local.ui or 'off'}")
        typer.echo(f"Logs         {local.data / 'logs'}\nReady; Ctrl-C stops.")
        return None

    local = up_module.default_environment(temporal_port, None if no_ui else temporal_ui_port)
    if google_stand_in:
        local = with_stand_in(local, settings.load().terraform.mirror, google_scenario)
    return await up_module.run(local, serve)


@command(app)
async def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when the deployment has ended.")
    ] = False,
) -> int:
    """Run the whole service, deploy the sandbox and follow the deployment."""
    return await up_module.run(up_module.demo_environment(), partial(_deploy_sandbox, once=once))


async def _deploy_sandbox(up: Up, *, once: bool) -> int | None:
    """Deploy and follow; the exit code, or None to serve on a terminal unless `once` is set."""
    local = up.local
    typer.echo(f"API {local.api}   Temporal {local.ui}")
    async with Client(local.api) as http:
        id = str((await http.request("POST", "/api/deploy", _DEMO))["id"])
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


def main() -> NoReturn:
    """Run the command line and exit the process."""
    run_and_exit(_run)


def _run() -> int:
    encode_for_terminal()
    try:
        app()
    except OSError as error:
        return cannot_write(error)
    return ExitCode.OK


if __name__ == "__main__":
    main()
