"""The `anava` command.

Exit codes: 0 ok; 1 the deployment failed or needs attention; 2 wrong usage or a refused request;
3 the deployment was cancelled; 4 nobody answers at the API's address; 130 interrupted.
"""

import asyncio
import importlib
import json
from collections.abc import Coroutine
from typing import Annotated, Any

import httpx
import typer

from adapters import settings, temporal_client
from cli import up as up_module
from cli import worker as worker_module
from cli.client import Document, Refused, Unreachable, client, failure, items, request
from cli.demo import Demo
from cli.follow import Follower
from cli.local import CannotStart
from cli.render import Exit, deployment_lines, exit_of, log_line, parse_variables
from cli.up import Up
from deployments.errors import AnavaError

__all__ = ["app"]

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

Api = Annotated[str, typer.Option("--api", help="Base URL of the API; default: the settings'.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Print the log until the end.")]
Json = Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")]
Id = Annotated[str, typer.Argument(help="Id of the deployment.")]


@app.command()
def deploy(  # noqa: PLR0913, PLR0917 - one parameter per option is how typer reads them
    project: Annotated[str, typer.Option(help="Google Cloud project id.")],
    prefix: Annotated[str, typer.Option()] = "",
    region: Annotated[str, typer.Option()] = "",
    storage_location: Annotated[str, typer.Option()] = "",
    template: Annotated[str, typer.Option()] = "",
    var: Annotated[list[str] | None, typer.Option(help="Template variable, key=value.")] = None,
    init_seconds: Annotated[int | None, typer.Option(help="Limit of init.")] = None,
    plan_seconds: Annotated[int | None, typer.Option(help="Limit of plan.")] = None,
    apply_seconds: Annotated[int | None, typer.Option(help="Limit of apply.")] = None,
    idempotency_key: Annotated[str, typer.Option(help="Same key, same deployment.")] = "",
    follow: Follow = False,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """Deploy a stack."""
    limits = {
        "init_seconds": init_seconds,
        "plan_seconds": plan_seconds,
        "apply_seconds": apply_seconds,
    }
    named: Document = {
        "project_id": project,
        "prefix": prefix,
        "region": region,
        "storage_location": storage_location,
        "template": template,
        "timeouts": {name: one for name, one in limits.items() if one is not None},
    }
    try:
        named["variables"] = parse_variables(var or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    body = {name: one for name, one in named.items() if one}
    _finish(_deploy(_base(api), body, idempotency_key, follow=follow, as_json=as_json))


@app.command()
def logs(
    id: Id,
    follow: Follow = False,
    after: Annotated[str, typer.Option(help="Event id to go on behind.")] = "",
    api: Api = "",
) -> None:
    """Print a deployment's log."""
    work = _follow(_base(api), id, after) if follow else _page(_base(api), id, after)
    _finish(work, following=id if follow else "")


@app.command()
def cancel(
    id: Id,
    reason: Annotated[str, typer.Option(help="Kept with the deployment.")] = "",
    force: Annotated[bool, typer.Option("--force", help="May lose state.")] = False,
    api: Api = "",
) -> None:
    """Cancel a deployment; terraform is interrupted and saves its state first."""
    body: Document = {"reason": reason, "force": force}
    _finish(_show(_base(api), "POST", f"/api/deployment/{id}/cancel", body))


@app.command()
def status(id: Id, as_json: Json = False, api: Api = "") -> None:
    """Show a deployment; exits as it ended, 0 while it runs."""
    _finish(_show(_base(api), "GET", f"/api/deployment/{id}", as_json=as_json, judge=True))


@app.command("list")
def list_deployments(api: Api = "") -> None:
    """List deployments, the newest first."""
    _finish(_list(_base(api)))


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

    async def work() -> int:
        connection = await temporal_client.connect()
        await temporal_client.register(connection)
        await temporal_client.set_retention(connection)
        return Exit.OK

    _finish(work())


@app.command()
def up(
    temporal_port: Annotated[int, typer.Option()] = 7233,
    temporal_ui_port: Annotated[int, typer.Option()] = 8233,
    no_ui: Annotated[bool, typer.Option("--no-ui")] = False,
) -> None:
    """Run the whole service on this machine."""

    async def serve(service: Up) -> int | None:
        place = service.place
        typer.echo(f"API          {place.api}\nTemporal UI  {place.ui or 'off'}")
        typer.echo(f"Logs         {place.data / 'logs'}\nReady; Ctrl-C stops.")
        return None

    async def work() -> int:
        ui_port = None if no_ui else temporal_ui_port
        return await up_module.run(up_module.default_place(temporal_port, ui_port), serve)

    _finish(work())


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End with the deployment.")] = False,
) -> None:
    """Start everything, deploy the sandbox and watch it."""

    async def work() -> int:
        return await up_module.run(up_module.demo_place(), Demo(once=once).run)

    _finish(work())


def _base(api: str) -> str:
    if api:
        return api.rstrip("/")
    try:
        found = settings.load().api
    except AnavaError as error:
        _fail(f"{error} {error.advice}", Exit.REFUSED)
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"http://{host}:{found.port}"


def _fail(message: str, status: Exit) -> Any:  # noqa: ANN401 - never returns
    typer.echo(message, err=True)
    raise typer.Exit(status)


def _finish(work: Coroutine[Any, Any, int], following: str = "") -> None:
    """Run it and leave with its exit code; every error as a sentence."""
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        if following:
            typer.echo(f"\n{_goes_on(following)}", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Unreachable as error:
        _fail(f"{error}\nStart it with `anava up`, or name another with --api.", Exit.UNREACHABLE)
    except (Refused, CannotStart) as error:
        _fail(str(error), Exit.REFUSED)
    except AnavaError as error:
        _fail(f"{error} {error.advice}", Exit.REFUSED)
    raise typer.Exit(code)


def _goes_on(id: str) -> str:
    return f"The deployment goes on. To stop it: anava cancel {id}"


async def _deploy(base: str, body: Document, key: str, *, follow: bool, as_json: bool) -> int:
    headers = {"Idempotency-Key": key} if key else None
    async with client(base) as http:
        found = await request(http, "POST", "/api/deploy", body, headers)
    _print(found, as_json=as_json)
    if not follow:
        return Exit.OK
    try:
        return await _follow(base, str(found["id"]), "")
    except asyncio.CancelledError:
        typer.echo(f"\n{_goes_on(str(found['id']))}", err=True)
        raise


async def _follow(base: str, id: str, after: str) -> int:
    async with client(base) as http:
        await Follower(http, id, lambda line: typer.echo(log_line(line)), after).run()
        found = await request(http, "GET", f"/api/deployment/{id}")
    _print(found, as_json=False)
    return exit_of(str(found.get("status")))


async def _page(base: str, id: str, after: str) -> int:
    """The log as text, page by page being the API's business."""
    path = f"/api/deployment/{id}/logs"
    query = str(httpx.QueryParams({"format": "text", **({"after": after} if after else {})}))
    async with client(base) as http:
        try:
            answer = await http.get(f"{path}?{query}")
        except httpx.TransportError as error:
            raise Unreachable(f"No API at {base}: {error}") from None
    if answer.is_error:
        raise failure(answer)
    typer.echo(answer.text, nl=False)
    return Exit.OK


async def _show(
    base: str,
    method: str,
    path: str,
    body: Document | None = None,
    *,
    as_json: bool = False,
    judge: bool = False,
) -> int:
    async with client(base) as http:
        found = await request(http, method, path, body)
    _print(found, as_json=as_json)
    return exit_of(str(found.get("status"))) if judge else Exit.OK


async def _list(base: str) -> int:
    async with client(base) as http:
        page = await request(http, "GET", "/api/deployments")
    for one in items(page):
        stack = one.get("stack") or one.get("project_id") or ""
        typer.echo(f"{one['id']}  {one.get('status', ''):17} {one.get('created_at', '')}  {stack}")
    return Exit.OK


def _print(found: Document, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for text in deployment_lines(found):
        typer.echo(text)


if __name__ == "__main__":
    app()
