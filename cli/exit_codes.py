"""Async commands: exit codes, and errors as sentences."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import IntEnum
from functools import wraps
from typing import Any, TypeVar

import typer

from cli.client import ApiUnreachable, CommandError
from cli.local_environment import CannotStart
from deployments.errors import AnavaError

__all__ = ["ExitCode", "cannot_write", "command", "exit_code", "run_to_exit_code"]

_Work = TypeVar("_Work", bound=Callable[..., Coroutine[Any, Any, int]])


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


def command(app: typer.Typer, name: str | None = None) -> Callable[[_Work], _Work]:
    """Register an async function as a command, which exits with the code that it returns."""

    def register(work: _Work) -> _Work:
        @app.command(name)
        @wraps(work)
        def run(*arguments: object, **options: object) -> None:
            raise typer.Exit(run_to_exit_code(work(*arguments, **options)))

        return work

    return register


def run_to_exit_code(work: Coroutine[object, object, int]) -> int:
    """Run the work of a command; an error becomes a sentence on stderr."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except ApiUnreachable as error:
        typer.echo(f"{error}\nStart it with `anava up`, or name another with --api.", err=True)
        return ExitCode.UNREACHABLE
    except (CommandError, CannotStart) as error:
        typer.echo(str(error), err=True)
    except AnavaError as error:
        typer.echo(f"{error} {error.next_step}", err=True)
    except OSError as error:
        return cannot_write(error)
    return ExitCode.REFUSED


def cannot_write(error: OSError) -> int:
    """The exit status after a file or the output failed, with a sentence on stderr.

    Without a reader of the output (`| head`) the status is that of SIGPIPE, without a sentence.
    """
    if isinstance(error, BrokenPipeError):
        return -signal.SIGPIPE
    subject = f"{error.filename} cannot be used" if error.filename else "The output is incomplete"
    with suppress(OSError):
        typer.echo(f"{subject}: {error.strerror or error}.", err=True)
    return ExitCode.REFUSED
