"""docs/reference.md says what the code says."""

import subprocess
import sys

from adapters.settings import base_environment
from tests.support.repository import ROOT


def test_the_reference_is_what_the_code_gives() -> None:
    made = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "scripts" / "reference")],
        capture_output=True,
        text=True,
        check=True,
        env=base_environment(),
    ).stdout

    assert (ROOT / "docs" / "reference.md").read_text() == made, "run `make reference`"
