"""Display of a followed deployment.

On a terminal the log scrolls above a few lines of progress. Elsewhere the output is plain lines, or
a JSON object per line of the log.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.client import Document
from cli.follow import Display
from cli.render import log_line
from deployments.log_text import visible
from deployments.phase import PHASES, Phase

__all__ = ["display"]

_PHASES = (*(phase for phase, row in PHASES.items() if row.title), Phase.FINALIZE)
_FIELDS = ("id", "time", "level", "text")
_LEVEL_STYLES = {"warn": "yellow", "error": "bold red"}
# Terraform works on ten resources at once; six rows fit a small window.
_MAX_ROWS = 6
# Smooth enough for a clock of seconds, at a negligible cost.
_FRAMES_PER_SECOND = 4


def display(*, as_json: bool) -> AbstractContextManager[Display]:
    """The display for stdout; `NO_COLOR` and `TERM=dumb` are respected."""
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        return nullcontext(_Plain(lambda line: json.dumps(dict(zip(_FIELDS, line, strict=False)))))
    return _live(console) if console.is_terminal else nullcontext(_Plain(log_line))


class _Plain(Display):
    """Prints the lines of the log alone; a lost connection loses no line."""

    def __init__(self, text: Callable[[list[str]], str]) -> None:
        self._text = text

    def lines(self, lines: list[list[str]]) -> None:
        for line in lines:
            typer.echo(self._text(line))

    def source(self, label: str) -> None:
        """Print to stderr, since the lines may go into a file."""
        typer.echo(visible(label), err=True)


class _Live(Display):
    """The lines of progress below the log, drawn four times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._deployment: Document = {}
        self._resources: dict[str, tuple[Document, float]] = {}
        self._connection = "connecting"

    def lines(self, lines: list[list[str]]) -> None:
        """Print all lines in a single call, since each call redraws the lines below."""
        texts = (Text(log_line(line), _LEVEL_STYLES.get(line[2], "")) for line in lines)
        if lines:
            self._console.print(Text("\n").join(texts))

    def status(self, deployment: Document) -> None:
        self._deployment = deployment

    def resources(self, changes: list[Document]) -> None:
        for change in changes:
            self._resources[str(change["address"])] = (change, time.monotonic())

    def source(self, label: str) -> None:
        """Print above the lines that are redrawn."""
        typer.echo(visible(label), err=True)

    def connection(self, label: str) -> None:
        self._connection = label

    def __rich__(self) -> RenderableType:
        """The present lines; rich calls this for each frame."""
        return Group("", self._phases(), self._bar(), *self._running())

    def _phases(self) -> Text:
        phase = str(self._deployment.get("phase", "queue"))
        current = _PHASES.index(phase) if phase in _PHASES else 0
        text = Text()
        for number, name in enumerate(_PHASES):
            mark, style = ("✓", "green") if number < current else ("◐", "bold cyan")
            if number > current:
                mark, style = "○", "dim"
            text.append(f"{mark} {name}  ", style)
        if self._deployment.get("cancel_requested"):
            text.append("cancelling  ", "yellow")
        text.append(f"{_elapsed(time.monotonic() - self._began)}  ", "dim")
        return text.append(self._connection, "dim" if self._connection == "live" else "yellow")

    def _bar(self) -> RenderableType:
        statuses = [resource["status"] for resource, _ in self._resources.values()]
        done = statuses.count("done") + statuses.count("unchanged")
        failed = statuses.count("failed")
        label = f"{done}/{len(statuses)} resources" if statuses else "no resources yet"
        if failed:
            label += f", {failed} failed"
        row = Table.grid(padding=(0, 1))
        row.add_row(ProgressBar(total=len(statuses) or 1, completed=done, width=30), label)
        return row

    def _running(self) -> Iterator[Text]:
        running = [
            (resource, updated)
            for resource, updated in self._resources.values()
            if resource["status"] == "running"
        ]
        for resource, updated in running[:_MAX_ROWS]:
            seconds = float(resource.get("elapsed_seconds") or 0) + time.monotonic() - updated
            line = f"  {resource['action']} {resource['address']}  {_elapsed(seconds)}"
            yield Text(visible(line), style="cyan", no_wrap=True, overflow="ellipsis")
        if len(running) > _MAX_ROWS:
            yield Text(f"  and {len(running) - _MAX_ROWS} more", style="dim")


@contextmanager
def _live(console: Console) -> Iterator[Display]:
    view = _Live(console)
    with Live(view, console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True):
        yield view


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
