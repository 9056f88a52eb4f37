"""The commands that talk to the API."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli.client import Client, Document, write_private
from cli.exit_codes import ExitCode, exit_code, finish, is_open
from cli.follow import Follower
from cli.live_display import display
from cli.render import (
    artifact_lines,
    deployment_lines,
    destruction_lines,
    health_lines,
    list_line,
    output_lines,
    parse_variables,
    verification_lines,
)
from deployments.log_text import visible

__all__ = ["app"]

app = typer.Typer()

Api = Annotated[str, typer.Option("--api", help="Base URL of the API; default: the settings'.")]
Watch = Annotated[bool, typer.Option("--follow", "-f", help="Watch it until the end.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Id = Annotated[str, typer.Argument(help="Id of the deployment.")]
After = Annotated[str, typer.Option(help="Event id to go on behind, like 3-42.")]


@app.command()
def deploy(  # noqa: PLR0913, PLR0917 - one parameter per option is how typer reads them
    context: typer.Context,
    project: Annotated[str, typer.Option(help="Google Cloud project id.")],
    prefix: Annotated[str, typer.Option(help="Names the stack in the project.")] = "",
    region: Annotated[str, typer.Option()] = "",
    storage_location: Annotated[str, typer.Option()] = "",
    template: Annotated[str, typer.Option()] = "sandbox",
    var: Annotated[list[str] | None, typer.Option(help="Template variable, key=value.")] = None,
    init_seconds: Annotated[int | None, typer.Option(help="Limit of init.")] = None,
    plan_seconds: Annotated[int | None, typer.Option(help="Limit of plan.")] = None,
    apply_seconds: Annotated[int | None, typer.Option(help="Limit of apply.")] = None,
    idempotency_key: Annotated[str, typer.Option(help="Same key, same deployment.")] = "",
    follow: Watch = False,
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
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}

    async def work() -> int:
        async with _client(context, api) as http:
            found = await http.request("POST", "/api/deploy", body, headers)
            if not follow:
                _print(found, deployment_lines, as_json=as_json)
                return ExitCode.OK
            return await _watch(http, found, as_json=as_json)

    finish(work())


@app.command()
def destroy(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Id of a deployment of the stack.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Confirmed; nobody is asked.")] = False,
    follow: Watch = False,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """Destroy a stack; says first what stays, then asks."""

    async def work() -> int:
        async with _client(context, api) as http:
            made = await http.request("GET", f"/api/deployment/{id}")
            stack = {name: made[name] for name in ("template", "project_id", "prefix")}
            query = httpx.QueryParams(stack)
            told = await http.request("GET", f"/api/destruction?{query}")
            if not (yes or _confirmed(told)):
                return ExitCode.CANCELLED
            places = {name: made[name] for name in ("region", "storage_location", "variables")}
            body = {**stack, **places, "operation": "destroy", "confirm": told["confirm"]}
            found = await http.request("POST", "/api/deploy", body)
            if not follow:
                _print(found, deployment_lines, as_json=as_json)
                return ExitCode.OK
            return await _watch(http, found, as_json=as_json)

    finish(work())


@app.command("acap-config")
def acap_config(
    context: typer.Context,
    id: Id,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to.")] = None,
    api: Api = "",
) -> None:
    """Print the camera configuration, which holds secrets, or write it to a private file."""

    async def work() -> int:
        async with _client(context, api) as http:
            found = await http.request("GET", f"/api/deployment/{id}/acap-config")
        text = json.dumps(found, indent=2)
        if output is None:
            typer.echo(text)
        else:
            write_private(output, text + "\n")
            typer.echo(f"{output} holds secrets: it is for you alone.", err=True)
        return ExitCode.OK

    finish(work())


@app.command()
def logs(  # noqa: PLR0913, PLR0917 - one parameter per option is how typer reads them
    context: typer.Context,
    id: Id,
    follow: Watch = False,
    after: After = "",
    verify: Annotated[bool, typer.Option("--verify", help="Compare all copies of it.")] = False,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """Print a deployment's log; with --follow exits as the deployment ended.

    With --verify prints no log but a table: every copy of an ended deployment's log against its
    seals; exits 0 when all are equal, else 1.
    """
    if verify and (follow or after):
        raise typer.BadParameter("--verify looks at whole logs of deployments that have ended")

    async def compared() -> int:
        async with _client(context, api) as http:
            # A million lines in four stores take longer than other answers.
            found = await http.request("GET", f"/api/deployment/{id}/logs/verify", seconds=600)
        _print(found, verification_lines, as_json=as_json)
        return ExitCode.OK if found["equal"] is True else ExitCode.FAILED

    async def whole() -> int:
        asked = {"format": "ndjson" if as_json else "text"} | ({"after": after} if after else {})
        async with _client(context, api) as http:
            async for part in http.text(f"/api/deployment/{id}/logs", asked):
                typer.echo(part, nl=False)
        return ExitCode.OK

    async def live() -> int:
        async with _client(context, api) as http:
            found = await http.request("GET", f"/api/deployment/{id}")
            return await _watch(http, found, after, as_json=as_json)

    work = compared if verify else live if follow else whole
    finish(work(), following=id if follow else "")


@app.command()
def cancel(
    context: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="Kept with the deployment.")] = "",
    force: Annotated[bool, typer.Option("--force", help="May lose state.")] = False,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """Cancel a deployment; terraform is interrupted and saves its state first."""
    body = {"reason": reason, "force": force}
    path = f"/api/deployment/{id}/cancel"
    finish(_show(context, api, ("POST", path, body), deployment_lines, as_json=as_json))


@app.command()
def status(context: typer.Context, id: Id, as_json: Json = False, api: Api = "") -> None:
    """Show a deployment; exits as it ended, 0 while it runs."""
    path = f"/api/deployment/{id}"
    finish(_show(context, api, ("GET", path, None), deployment_lines, as_json=as_json))


@app.command()
def outputs(context: typer.Context, id: Id, as_json: Json = False, api: Api = "") -> None:
    """Show what the deployment gave; sensitive values stay hidden."""

    async def work() -> int:
        async with _client(context, api) as http:
            found = await http.request("GET", f"/api/deployment/{id}")
        given = (found.get("result") or {}).get("outputs") or []
        _print({"outputs": given}, output_lines, as_json=as_json)
        return ExitCode.OK

    finish(work())


@app.command("list")
def list_deployments(
    context: typer.Context,
    status: Annotated[str, typer.Option(help="Only these, like running or failed.")] = "",
    project: Annotated[str, typer.Option(help="Only of this project.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """List deployments: what runs, then what ended last."""
    filters = {"status": status, "project": project}

    async def work() -> int:
        async with _client(context, api) as http:
            async for page in http.pages("/api/deployments", filters, limit):
                typer.echo(json.dumps(page) if as_json else list_line(page))
        return ExitCode.OK

    finish(work())


@app.command()
def artifacts(
    context: typer.Context,
    id: Id,
    name: Annotated[str, typer.Argument(help="Download this one.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to.")] = None,
    as_json: Json = False,
    api: Api = "",
) -> None:
    """List a deployment's files, or download one and check it."""
    path = f"/api/deployment/{id}/artifacts"
    if not name:
        finish(_show(context, api, ("GET", path, None), artifact_lines, as_json=as_json))

    async def work() -> int:
        async with _client(context, api) as http:
            # Only a name that the list knows becomes a file name here.
            found = await http.request("GET", path)
            entry = next((item for item in found["items"] if item["name"] == name), None)
            if entry is None:
                typer.echo(f"There is no artifact {name!r}.", err=True)
                return ExitCode.REFUSED
            to = output or Path(Path(name).name)
            await http.download(f"{path}/{name}", to, str(entry["sha256"]))
        typer.echo(f"{to}  {entry['size_bytes']} bytes, sha256 {entry['sha256']}")
        return ExitCode.OK

    finish(work())


@app.command()
def health(context: typer.Context, as_json: Json = False, api: Api = "") -> None:
    """Say whether the service is well; exits 0 when healthy, else 1."""

    async def work() -> int:
        async with _client(context, api) as http:
            # 503 is an answer here, and its body says what is wrong.
            found = await http.request("GET", "/health", accept=(503,))
        _print(found, health_lines, as_json=as_json)
        return ExitCode.OK if found.get("status") == "healthy" else ExitCode.FAILED

    finish(work())


def _confirmed(told: Document) -> bool:
    """Whether the stack's name was typed by whoever read what stays; questions go to stderr."""
    for line in destruction_lines(told):
        typer.echo(visible(line), err=True)
    typer.echo(f"Type {told['confirm']} to destroy it: ", nl=False, err=True)
    typed = sys.stdin.readline().strip()
    if typed != told["confirm"]:
        typer.echo("Nothing was destroyed.", err=True)
    return bool(typed == told["confirm"])


def _client(context: typer.Context, api: str) -> Client:
    return Client(api.rstrip("/") if api else context.obj())


async def _watch(http: Client, found: Document, after: str = "", *, as_json: bool) -> int:
    id = str(found["id"])
    try:
        with display(as_json=as_json) as shown:
            await Follower(http, id, shown, after).run()
        found = await http.request("GET", f"/api/deployment/{id}")
    except asyncio.CancelledError:
        typer.echo(f"\n{is_open(id)}", err=True)
        raise
    _print(found, deployment_lines, as_json=as_json)
    return exit_code(str(found.get("status")))


async def _show(
    context: typer.Context,
    api: str,
    asked: tuple[str, str, Document | None],
    lines: Callable[[Document], Iterable[str]],
    *,
    as_json: bool,
) -> int:
    method, path, body = asked
    async with _client(context, api) as http:
        found = await http.request(method, path, body)
    _print(found, lines, as_json=as_json)
    return exit_code(str(found.get("status", ""))) if method == "GET" else ExitCode.OK


def _print(found: Document, lines: Callable[[Document], Iterable[str]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    for text in lines(found):
        typer.echo(visible(text))
