"""What a person or a program sees while a deployment is followed.

On a terminal the log scrolls by above a few lines that tell how far it is; elsewhere there are
plain lines, or JSON, one line an event.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

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

__all__ = ["LiveDisplay", "display"]

_PHASES = (*(phase for phase, row in PHASES.items() if row.title), Phase.FINALIZE)
_LEVEL_STYLES = {"warn": "yellow", "error": "bold red"}
# Resources that run at once; terraform runs ten, a small window shows fewer.
_MOST_ROWS = 6
# Often enough for seconds to pass smoothly, seldom enough to cost nothing.
_FRAMES_A_SECOND = 4


def display(*, as_json: bool) -> AbstractContextManager[Display]:
    """What fits the place where the output goes; `NO_COLOR` and dumb terminals are heeded."""
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        return _plain(lambda line: json.dumps(dict(zip(_FIELDS, line, strict=False))))
    return _live(console) if console.is_terminal else _plain(log_line)


_FIELDS = ("id", "time", "level", "text")


class _Plain:
    def __init__(self, show: Callable[[list[str]], str]) -> None:
        self._show = show

    def lines(self, lines: list[list[str]]) -> None:
        for line in lines:
            typer.echo(self._show(line))

    def status(self, found: Document) -> None:
        """The lines tell enough."""

    def resources(self, changes: list[Document]) -> None:
        """The lines tell enough."""

    def source(self, words: str) -> None:
        """Beside the lines, which may go into a file."""
        typer.echo(visible(words), err=True)

    def connection(self, word: str) -> None:
        """It is made again without a word, since no line is lost."""


class LiveDisplay:
    """The lines below the log; drawn anew a few times a second.

    Args:
        console: where to.
        clock: seconds that only rise.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._found: Document = {}
        self._resources: dict[str, tuple[Document, float]] = {}
        self._word = "connecting"

    def lines(self, lines: list[list[str]]) -> None:
        """Port `Display`; all at once, since each print draws the lines below anew."""
        shown = (Text(log_line(line), _LEVEL_STYLES.get(line[2], "")) for line in lines)
        if lines:
            self._console.print(Text("\n").join(shown))

    def status(self, found: Document) -> None:
        """Port `Display`."""
        self._found = found

    def resources(self, changes: list[Document]) -> None:
        """Port `Display`."""
        for change in changes:
            self._resources[str(change["address"])] = (change, self._clock())

    def source(self, words: str) -> None:
        """Port `Display`; printed above the lines that are drawn anew."""
        typer.echo(visible(words), err=True)

    def connection(self, word: str) -> None:
        """Port `Display`."""
        self._word = word

    def __rich__(self) -> RenderableType:
        """The lines as they are now."""
        return Group("", self._steps(), self._bar(), *self._running())

    def _steps(self) -> Text:
        now = str(self._found.get("phase", "queue"))
        at = _PHASES.index(now) if now in _PHASES else 0
        text = Text()
        for number, phase in enumerate(_PHASES):
            mark, style = ("✓", "green") if number < at else ("◐", "bold cyan")
            if number > at:
                mark, style = "○", "dim"
            text.append(f"{mark} {phase}  ", style)
        if self._found.get("cancel_requested"):
            text.append("cancelling  ", "yellow")
        text.append(f"{_elapsed(self._clock() - self._began)}  ", "dim")
        return text.append(self._word, "dim" if self._word == "live" else "yellow")

    def _bar(self) -> RenderableType:
        known = [one for one, _ in self._resources.values()]
        done = sum(item["status"] == "done" for item in known)
        failed = sum(entry["status"] == "failed" for entry in known)
        row = Table.grid(padding=(0, 1))
        words = f"{done}/{len(known)} resources" if known else "no resources yet"
        if failed:
            words += f", {failed} failed"
        row.add_row(ProgressBar(total=len(known) or 1, completed=done, width=30), words)
        return row

    def _running(self) -> Iterator[Text]:
        running = [entry for entry in self._resources.values() if entry[0]["status"] == "running"]
        for one, since in running[:_MOST_ROWS]:
            seconds = float(one.get("elapsed_seconds") or 0) + self._clock() - since
            words = f"  {one['action']} {one['address']}  {_elapsed(seconds)}"
            yield Text(visible(words), style="cyan", no_wrap=True, overflow="ellipsis")
        if len(running) > _MOST_ROWS:
            yield Text(f"  and {len(running) - _MOST_ROWS} more", style="dim")


@contextmanager
def _plain(show: Callable[[list[str]], str]) -> Iterator[Display]:
    yield _Plain(show)


@contextmanager
def _live(console: Console) -> Iterator[Display]:
    screen = LiveDisplay(console)
    with Live(screen, console=console, refresh_per_second=_FRAMES_A_SECOND, transient=True):
        yield screen


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
