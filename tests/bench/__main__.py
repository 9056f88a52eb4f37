"""`make bench`: measure, show a table, keep it as JSON.

Needs nothing but what the tests need; listens on loopback; the whole takes some 12 minutes on two
cores, `--quick` some 4. Figures mean something only on a machine that does nothing else.
"""

import argparse
import asyncio
import os
import platform
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.process_exit import run_and_exit
from tests.bench import cost, lines, live, sizes, status, stopping, wall
from tests.bench.figures import Figure, as_json, table
from tests.bench.scene import Scene, open_scene
from tests.bench.sizes import Size
from tests.support.servers import ROOT

__all__ = ["BENCHMARKS", "main", "measure"]

RESULT = ROOT / ".cache" / "bench.json"

# In this order: what needs a quiet machine first, what fills disks and caches last.
BENCHMARKS: dict[str, Callable[[Scene, Size], Awaitable[list[Figure]]]] = {
    "cost": cost.cost,
    "translation": lines.translation,
    "first-line": wall.first_line,
    "wall-time": wall.wall_time,
    "status": status.status,
    "latency": live.latency,
    "cancel": stopping.cancel,
    "reattachment": stopping.reattachment,
    "crowd": live.crowd,
    "stalled": live.stalled,
    "together": wall.together,
    "bursts": lines.bursts,
    "shipping": lines.shipping,
}

# Some 15 minutes by itself; raw terraforms alone take four.
_HEAVY = ((100, 3.0),)


def main(argv: Sequence[str]) -> int:
    """Measure what is asked for; 1 when a benchmark could not be carried out."""
    asked = _parser().parse_args(argv)
    size = sizes.QUICK if asked.quick else sizes.WHOLE
    names = [asked.only] if asked.only else list(BENCHMARKS)
    if asked.heavy:
        names, size = ["together"], replace(size, rounds=1, together=_HEAVY)
    figures: list[Figure] = []
    failed: list[str] = []
    begin, load = time.monotonic(), os.getloadavg()[0]
    try:
        with TemporaryDirectory(prefix="anava-bench-") as folder:
            failed = asyncio.run(measure(Path(folder), names, size, figures))
    finally:
        about = {
            "size": size.name,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "failed": failed,
            "load_before": round(load, 2),
            "seconds": round(time.monotonic() - begin),
        }
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(as_json(figures, about) + "\n")
        sys.stdout.write(f"\n{table(figures)}\n\n{about}\n")
    return 1 if failed else 0


async def measure(
    folder: Path, names: Sequence[str], size: Size, figures: list[Figure]
) -> list[str]:
    """Run benchmarks one after the other on one set of servers; those that could not be."""
    failed = []
    async with open_scene(folder) as scene:
        for name in names:
            sys.stdout.write(f"{name} ...\n")
            sys.stdout.flush()
            try:
                figures += await BENCHMARKS[name](scene, size)
            except (Exception, pytest.skip.Exception):  # noqa: BLE001 - shown and counted; the others are still worth it
                traceback.print_exc()
                failed.append(name)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, help="this one alone")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter shows")
    parser.add_argument("--heavy", action="store_true", help="100 deployments at once, alone")
    return parser


if __name__ == "__main__":
    run_and_exit(lambda: main(sys.argv[1:]))
