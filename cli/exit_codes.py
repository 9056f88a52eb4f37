"""Exit codes of the commands, and errors as sentences."""

import asyncio
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any

import typer

from cli.client import ApiUnreachable, CommandError
from cli.local_environment import CannotStart
from deployments.errors import AnavaError

__all__ = ["ExitCode", "exit_code", "finish", "still_running"]


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


def exit_code(status: str) -> ExitCode:
    """The exit code of a deployment's status; OK while the deployment runs."""
    if status in {"cancelled", "discarded"}:
        return ExitCode.CANCELLED
    return ExitCode.FAILED if status in {"failed", "needs_attention"} else ExitCode.OK


def finish(work: Coroutine[Any, Any, int], following: str = "") -> None:
    """Run the work of a command and exit with the code that the work returns.

    Args:
        work: the command.
        following: id of the followed deployment, which Ctrl-C does not stop.
    """
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        if following:
            typer.echo(f"\n{still_running(following)}", err=True)
        code = ExitCode.INTERRUPTED
    except ApiUnreachable as error:
        typer.echo(f"{error}\nStart it with `anava up`, or name another with --api.", err=True)
        code = ExitCode.UNREACHABLE
    except (CommandError, CannotStart) as error:
        typer.echo(str(error), err=True)
        code = ExitCode.REFUSED
    except AnavaError as error:
        typer.echo(f"{error} {error.next_step}", err=True)
        code = ExitCode.REFUSED
    raise typer.Exit(code)


def still_running(id: str) -> str:
    """The sentence for a Ctrl-C that ended the display, not the deployment."""
    return f"Stopped watching. The deployment continues. To stop it: anava cancel {id}"
