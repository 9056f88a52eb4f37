"""The benchmarks still run and count right; what they measure is for `make bench`."""

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHMARKS, measure
from tests.bench.figures import Figure, as_json, spread, table
from tests.bench.sizes import SMOKE


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_every_benchmark_gives_figures_with_baselines(tmp_path: Path) -> None:
    figures: list[Figure] = []
    assert await measure(tmp_path, list(BENCHMARKS), SMOKE, figures) == []
    assert len({element.name for element in figures}) == len(figures)
    kept = json.loads(as_json(figures, {"size": SMOKE.name}))
    assert (kept["format"], kept["size"], len(kept["figures"])) == (1, "smoke", len(figures))
    for row in kept["figures"]:
        ours = row["ours"]
        assert ours["count"] > 0
        assert ours["low"] <= ours["p50"] <= ours["p95"] <= ours["p99"] <= ours["high"]
        assert (row["goal"] == "") == (row["reached"] is None), row["name"]
    lost = [figure for figure in figures if "lost or doubled" in figure.name]
    assert [(item.ours.high, item.reached) for item in lost] == [(0, True)]
    shown = table(figures)
    assert all(entry.name in shown for entry in figures)


def test_a_figure_says_its_ratio_and_whether_its_goal_is_reached() -> None:
    figure = Figure("a", "ms", spread([1, 2, 300]), spread([1, 1, 1]), "<= 1", reached=False)
    assert figure.ratio == 2
    head, _, row = table([figure]).splitlines()[:3]
    assert head.split()[:2] == ["figure", "unit"]
    assert " ".join(row.split()) == "a ms 2 300 1 to 300 1 1 2.00 <= 1 NO"


def test_quantiles_are_samples() -> None:
    samples = [float(number) for number in range(1, 101)]
    found = spread(samples)
    assert (found.low, found.p50, found.p95, found.p99, found.high) == (1, 51, 96, 100, 100)
