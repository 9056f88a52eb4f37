"""How a command ends: its exit code, and every error as a sentence."""

import asyncio
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any

import typer

from cli.client import Refused, Unreachable
from cli.local_environment import CannotStart
from deployments.errors import AnavaError

__all__ = ["ExitCode", "exit_code", "finish", "is_open"]


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


def exit_code(status: str) -> ExitCode:
    """The exit code that a deployment's end stands for."""
    if status in {"cancelled", "discarded"}:
        return ExitCode.CANCELLED
    return ExitCode.FAILED if status in {"failed", "needs_attention"} else ExitCode.OK


def finish(work: Coroutine[Any, Any, int], following: str = "") -> None:
    """Run it and leave with its exit code.

    Args:
        work: what the command does.
        following: id of the deployment that Ctrl-C only stops the watching of.
    """
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        if following:
            typer.echo(f"\n{is_open(following)}", err=True)
        code = ExitCode.INTERRUPTED
    except Unreachable as error:
        typer.echo(f"{error}\nStart it with `anava up`, or name another with --api.", err=True)
        code = ExitCode.UNREACHABLE
    except (Refused, CannotStart) as error:
        typer.echo(str(error), err=True)
        code = ExitCode.REFUSED
    except AnavaError as error:
        typer.echo(f"{error} {error.next_step}", err=True)
        code = ExitCode.REFUSED
    raise typer.Exit(code)


def is_open(id: str) -> str:
    """What Ctrl-C did not do."""
    return f"Stopped watching. The deployment goes on. To stop it: anava cancel {id}"
