"""The commands that talk to the API."""

import asyncio
import inspect
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import httpx
import typer

from cli import render
from cli.client import Client, CommandError, Document, write_private
from cli.exit_codes import ExitCode, command, exit_code
from cli.follow import Follower
from cli.live_display import display
from deployments.deployment import Status
from deployments.log_text import visible
from deployments.phase import TERRAFORM_PHASES
from deployments.reasons import Reason
from deployments.templates import TEMPLATES
from deployments.timings import PhaseTimeouts, limits_of
from deployments.transitions import is_terminal

__all__ = ["app"]

app = typer.Typer()

# The API answers earlier at a change.
_WAIT_SECONDS = 10
_CERTAIN_READINGS = 2
_WITHOUT_EFFECT = {Reason.STUCK, Reason.FORCE_CANCEL_WITHOUT_EFFECT}

Api = Annotated[str, typer.Option("--api", help="Base URL of the API; default: from the settings.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the log until the end.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Id = Annotated[str, typer.Argument(help="Id of the deployment.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]
Template = Annotated[str, typer.Option(help=f"What to deploy: {' or '.join(TEMPLATES)}.")]
After = Annotated[str, typer.Option(help="Start after this line of the log, like 3-42.")]

_Command = TypeVar("_Command", bound=Callable[..., Awaitable[int]])


def _with_time_limits(work: _Command) -> _Command:
    """Replace the keyword arguments of a command by an option `--<phase>-seconds` per phase."""
    signature = inspect.signature(work)
    *parameters, _ = signature.parameters.values()
    options = [
        inspect.Parameter(
            f"{phase}_seconds",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[int | None, typer.Option(help=_time_limit(phase))],
        )
        for phase in TERRAFORM_PHASES
    ]
    replaced = signature.replace(parameters=[*parameters, *options])
    work.__signature__ = replaced  # type: ignore[attr-defined] # typer reads this attribute
    return work


def _time_limit(phase: str) -> str:
    limit = limits_of(PhaseTimeouts)[f"{phase}_seconds"]
    return f"Time limit of {phase}; default {limit.default}, at most {limit.maximum}."


@command(app)
@_with_time_limits
async def deploy(  # noqa: PLR0913, PLR0917 - typer reads a parameter per option
    context: typer.Context,
    project: Annotated[str, typer.Option(help="Google Cloud project id.")],
    prefix: Annotated[str, typer.Option(help="Name of the stack in the project.")] = "",
    region: Annotated[str, typer.Option(help="Region, like us-central1.")] = "",
    storage_location: Annotated[str, typer.Option(help="Location of buckets, like US.")] = "",
    template: Template = "sandbox",
    var: Annotated[list[str] | None, typer.Option(help="Template variable, key=value.")] = None,
    idempotency_key: Annotated[
        str, typer.Option(help="A repeat with this key starts no second deployment.")
    ] = "",
    follow: Follow = False,
    as_json: Json = False,
    api: Api = "",
    **limits: int | None,
) -> int:
    """Deploy a stack."""
    fields: Document = {
        "project_id": project,
        "prefix": prefix,
        "region": region,
        "storage_location": storage_location,
        "template": template,
        "timeouts": {name: limit for name, limit in limits.items() if limit is not None},
    }
    try:
        fields["variables"] = render.parse_variables(var or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    body = {name: value for name, value in fields.items() if value}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    async with _client(context, api) as http:
        accepted = await http.request("POST", "/api/deploy", body, headers)
        return await _accepted(http, accepted, follow=follow, as_json=as_json)


@command(app)
async def destroy(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Id of a deployment of the stack.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation prompt.")] = False,
    follow: Follow = False,
    as_json: Json = False,
    api: Api = "",
) -> int:
    """Destroy a stack. Lists the resources that stay, then prompts for a confirmation."""
    async with _client(context, api) as http:
        deployment = await http.request("GET", f"/api/deployment/{id}")
        stack = {name: deployment[name] for name in ("template", "project_id", "prefix")}
        destruction = await http.request("GET", f"/api/destruction?{httpx.QueryParams(stack)}")
        if not (yes or _is_confirmed(destruction)):
            return ExitCode.CANCELLED
        fields = {name: deployment[name] for name in ("region", "storage_location", "variables")}
        fields |= {"operation": "destroy", "confirm": destruction["confirm"]}
        accepted = await http.request("POST", "/api/deploy", {**stack, **fields})
        return await _accepted(http, accepted, follow=follow, as_json=as_json)


@command(app, "acap-config")
async def acap_config(context: typer.Context, id: Id, output: Output = None, api: Api = "") -> int:
    """Print the camera configuration, which contains secrets, or write a private file."""
    async with _client(context, api) as http:
        config = await http.request("GET", f"/api/deployment/{id}/acap-config")
    text = json.dumps(config, indent=2)
    if output is None:
        typer.echo(text)
    else:
        write_private(output, text + "\n")
        typer.echo(f"{output} contains secrets: only you can read it.", err=True)
    return ExitCode.OK


@command(app)
async def logs(  # noqa: PLR0913, PLR0917 - typer reads a parameter per option
    context: typer.Context,
    id: Id,
    follow: Follow = False,
    after: After = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare all copies of the log.")
    ] = False,
    as_json: Json = False,
    api: Api = "",
) -> int:
    """Print a deployment's log. With --follow the exit code is that of the deployment's end.

    With --verify print a table in place of the log: the checksum of every
    stored copy beside the recorded checksum. Exits 0 when all copies are equal, else 1.
    """
    if verify and (follow or after):
        raise typer.BadParameter("--verify compares whole logs of deployments that have ended")
    async with _client(context, api) as http:
        if verify:
            # The API reads up to a million lines from each of four stores.
            report = await http.request("GET", f"/api/deployment/{id}/logs/verify", seconds=600)
            _print(report, render.verification_lines, as_json=as_json)
            return ExitCode.OK if report["equal"] is True else ExitCode.FAILED
        if follow:
            return await _follow(http, id, after, as_json=as_json)
        query = {"format": "ndjson" if as_json else "text"} | ({"after": after} if after else {})
        async for part in http.text(f"/api/deployment/{id}/logs", query):
            typer.echo(part, nl=False)
        return ExitCode.OK


@command(app)
async def cancel(
    context: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option(help="Recorded with the deployment.")] = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Do not wait for resources in progress; may lose track of them."
        ),
    ] = False,
    as_json: Json = False,
    api: Api = "",
) -> int:
    """Cancel a deployment. Terraform is interrupted and saves the state first.

    With --force wait for the end. Exits 1 when the forced cancel has no effect within its time, or
    the deployment is stuck.
    """
    body = {"reason": reason, "force": force}
    async with _client(context, api) as http:
        deployment = await http.request("POST", f"/api/deployment/{id}/cancel", body)
        if force:
            deployment = await _after_force(http, id, deployment)
    _print(deployment, render.deployment_lines, as_json=as_json)
    has_effect = deployment.get("reason") not in _WITHOUT_EFFECT
    return ExitCode.OK if has_effect else ExitCode.FAILED


async def _after_force(http: Client, id: str, deployment: Document) -> Document:
    """The deployment at its end, or when the end cannot come without an operator."""
    readings_stuck = 0
    while not is_terminal(Status(str(deployment.get("status")))):
        reason = deployment.get("reason")
        # A worker that replaces a killed worker shows `stuck` for the time of a replay.
        readings_stuck = readings_stuck + 1 if reason == Reason.STUCK else 0
        if readings_stuck == _CERTAIN_READINGS or reason == Reason.FORCE_CANCEL_WITHOUT_EFFECT:
            break
        path = f"/api/deployment/{id}?wait={_WAIT_SECONDS}"
        deployment = await http.request("GET", path, seconds=2 * _WAIT_SECONDS)
    return deployment


@command(app)
async def status(context: typer.Context, id: Id, as_json: Json = False, api: Api = "") -> int:
    """Show a deployment. The exit code is that of the end, 0 before the end."""
    async with _client(context, api) as http:
        return await _show(http, id, as_json=as_json)


@command(app)
async def outputs(context: typer.Context, id: Id, as_json: Json = False, api: Api = "") -> int:
    """Show the outputs of a deployment; sensitive values stay hidden."""
    async with _client(context, api) as http:
        deployment = await http.request("GET", f"/api/deployment/{id}")
        result = deployment.get("result") or {}
        recorded = result.get("outputs") or []
        if result.get("omitted_outputs"):
            recorded = await _all_outputs(http, id)
    _print({"outputs": recorded}, render.output_lines, as_json=as_json)
    return ExitCode.OK


async def _all_outputs(http: Client, id: str) -> list[Document]:
    """All outputs, from the artifact; the result holds those that are short."""
    text = "".join(
        [part async for part in http.text(f"/api/deployment/{id}/artifacts/outputs.json", {})]
    )
    content: Document = json.loads(text)
    if content.get("left_out"):
        raise CommandError(f"{content['message']} It was left out ({content['left_out']}).")
    outputs: dict[str, Document] = content["outputs"]
    return [{"name": name, **output} for name, output in outputs.items()]


@command(app, "list")
async def list_deployments(
    context: typer.Context,
    status: Annotated[str, typer.Option(help="Only this status, like running or failed.")] = "",
    project: Annotated[str, typer.Option(help="Only this project.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number.")] = 50,
    as_json: Json = False,
    api: Api = "",
) -> int:
    """List deployments: first all that run, then those that ended last."""
    filters = {"status": status, "project": project}
    async with _client(context, api) as http:
        async for deployment in http.pages("/api/deployments", filters, limit):
            typer.echo(json.dumps(deployment) if as_json else render.list_line(deployment))
    return ExitCode.OK


@command(app)
async def artifacts(
    context: typer.Context,
    id: Id,
    name: Annotated[str, typer.Argument(help="The file to download.")] = "",
    output: Output = None,
    as_json: Json = False,
    api: Api = "",
) -> int:
    """List a deployment's files, or download a file and check the sha256."""
    path = f"/api/deployment/{id}/artifacts"
    async with _client(context, api) as http:
        page = await http.request("GET", path)
        if not name:
            _print(page, render.artifact_lines, as_json=as_json)
            return ExitCode.OK
        # Only a listed name may become the name of a local file.
        artifact = next((file for file in page["items"] if file["name"] == name), None)
        if artifact is None:
            typer.echo(f"There is no artifact {name!r}.", err=True)
            return ExitCode.REFUSED
        to = output or Path(Path(name).name)
        await http.download(f"{path}/{name}", to, str(artifact["sha256"]))
    typer.echo(f"{to}  {artifact['size_bytes']} bytes, sha256 {artifact['sha256']}")
    return ExitCode.OK


@command(app)
async def health(context: typer.Context, as_json: Json = False, api: Api = "") -> int:
    """Show the health of the service. Exits 0 when healthy, else 1."""
    async with _client(context, api) as http:
        # The body of a 503 names the fault.
        document = await http.request("GET", "/health", accept=(503,))
    _print(document, render.health_lines, as_json=as_json)
    return ExitCode.OK if document.get("status") == "healthy" else ExitCode.FAILED


def _is_confirmed(destruction: Document) -> bool:
    """List on stderr the resources that stay; whether the stack's name is typed at the prompt."""
    for line in render.destruction_lines(destruction):
        typer.echo(visible(line), err=True)
    typer.echo(f"Type {destruction['confirm']} to destroy the stack: ", nl=False, err=True)
    is_confirmed = sys.stdin.readline().strip() == str(destruction["confirm"])
    if not is_confirmed:
        typer.echo("Nothing was destroyed.", err=True)
    return is_confirmed


def _client(context: typer.Context, api: str) -> Client:
    return Client(api.rstrip("/") if api else context.obj())


async def _accepted(http: Client, deployment: Document, *, follow: bool, as_json: bool) -> int:
    """Print or follow an accepted deployment; the exit code."""
    if follow:
        return await _follow(http, str(deployment["id"]), as_json=as_json)
    _print(deployment, render.deployment_lines, as_json=as_json)
    return ExitCode.OK


async def _follow(http: Client, id: str, after: str = "", *, as_json: bool) -> int:
    """Show the log until the end, then the deployment; Ctrl-C ends the display alone."""
    try:
        with display(as_json=as_json) as shown:
            follower = Follower(http, id, shown, after)
            await follower.run()
        if follower.lacks_lines:
            message = "The log is not complete: its last lines have not reached this store."
            typer.echo(f"{message} Compare the copies: anava logs --verify {id}", err=True)
        return await _show(http, id, as_json=as_json)
    except asyncio.CancelledError:
        message = "Stopped watching. The deployment continues. To stop it: anava cancel"
        typer.echo(f"\n{message} {id}", err=True)
        raise


async def _show(http: Client, id: str, *, as_json: bool) -> int:
    deployment = await http.request("GET", f"/api/deployment/{id}")
    _print(deployment, render.deployment_lines, as_json=as_json)
    return exit_code(str(deployment.get("status")))


def _print(
    document: Document, lines: Callable[[Document], Iterable[str]], *, as_json: bool
) -> None:
    if as_json:
        typer.echo(json.dumps(document))
        return
    for line in lines(document):
        typer.echo(visible(line))
