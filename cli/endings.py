"""How a command ends: its exit code, and every error as a sentence."""

import asyncio
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any

import typer

from cli.client import Refused, Unreachable
from cli.local import CannotStart
from deployments.errors import AnavaError

__all__ = ["Exit", "exit_of", "finish", "goes_on"]


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


def exit_of(status: str) -> Exit:
    """The exit code that a deployment's end stands for."""
    if status in {"cancelled", "discarded"}:
        return Exit.CANCELLED
    return Exit.FAILED if status in {"failed", "needs_attention"} else Exit.OK


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
            typer.echo(f"\n{goes_on(following)}", err=True)
        code = Exit.INTERRUPTED
    except Unreachable as error:
        typer.echo(f"{error}\nStart it with `anava up`, or name another with --api.", err=True)
        code = Exit.UNREACHABLE
    except (Refused, CannotStart) as error:
        typer.echo(str(error), err=True)
        code = Exit.REFUSED
    except AnavaError as error:
        typer.echo(f"{error} {error.advice}", err=True)
        code = Exit.REFUSED
    raise typer.Exit(code)


def goes_on(id: str) -> str:
    """What Ctrl-C did not do."""
    return f"Stopped watching. The deployment goes on. To stop it: anava cancel {id}"
