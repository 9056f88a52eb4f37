"""Measured values, what they are held against, and how both are shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

__all__ = ["Figure", "Spread", "as_json", "quantile", "spread", "table"]


@dataclass(frozen=True)
class Spread:
    """Where a row of samples lies."""

    count: int
    p50: float
    p95: float
    p99: float
    low: float
    high: float


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest sample that at least this part of all does not exceed."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(samples: Sequence[float]) -> Spread:
    """Of at least one sample."""
    ordered = sorted(samples)
    p50, p95, p99 = (quantile(ordered, part) for part in (0.5, 0.95, 0.99))
    return Spread(len(ordered), p50, p95, p99, ordered[0], ordered[-1])


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: what was measured.
        unit: of all its numbers.
        ours: the product's samples.
        baseline: the same done without it, in pairs with ours; None where there is no such thing.
        goal: in words, empty where there is none.
        reached: whether the goal is; None without one.
        note: what the baseline is, or what else was counted.
    """

    name: str
    unit: str
    ours: Spread
    baseline: Spread | None = None
    goal: str = ""
    reached: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the baseline's, by their medians."""
        if self.baseline is None or not self.baseline.p50:
            return None
        return self.ours.p50 / self.baseline.p50


_HEAD = ("figure", "unit", "p50", "p99", "min to max", "base p50", "p99", "ratio", "goal", "")


def table(figures: Sequence[Figure]) -> str:
    """All figures as text, columns aligned; notes below."""
    rows = [_HEAD, *(_row(item) for item in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    notes = [f"  {figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *notes])


def as_json(figures: Sequence[Figure], about: Mapping[str, object]) -> str:
    """All figures with what they were measured on."""
    rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
    return json.dumps({"format": 1, **about, "figures": rows}, indent=1)


def _row(figure: Figure) -> tuple[str, ...]:
    ours, base, ratio = figure.ours, figure.baseline, figure.ratio
    return (
        figure.name,
        figure.unit,
        _number(ours.p50),
        _number(ours.p99),
        f"{_number(ours.low)} to {_number(ours.high)}",
        _number(base.p50) if base else "-",
        _number(base.p99) if base else "-",
        f"{ratio:.2f}" if ratio is not None else "-",
        figure.goal or "-",
        {True: "yes", False: "NO", None: ""}[figure.reached],
    )


def _number(value: float) -> str:
    """Three digits that count; no decimal point behind a hundred."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
