"""examples/plan.txt is what Google's provider plans."""

from pathlib import Path

import pytest

from tests.support.real_provider import planned
from tests.support.servers import ROOT

pytestmark = pytest.mark.heavy


def test_the_plan_is_what_the_provider_plans(provider: None, tmp_path: Path) -> None:
    recorded = (ROOT / "examples" / "plan.txt").read_text()

    assert recorded == planned(tmp_path), "run `make examples`"
