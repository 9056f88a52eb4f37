"""A machine that lacks what a process needs: a sentence that names it, never a traceback."""

import subprocess
import sys

import pytest

from tests.support.repository import ROOT
from tests.support.service import House

ANAVA = (sys.executable, "-m", "cli.main")
# A folder that no user can make, root included.
READ_ONLY = "/sys/anava"


def ended(house: House, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**house.environment(), "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(  # noqa: S603 - our own program
        words, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("command", "status"), [("up", 2), ("api", 1), ("worker", 1)])
async def test_a_data_folder_that_cannot_be_written_is_named(
    house: House, command: str, status: int
) -> None:
    process = ended(house, *ANAVA, command, ANAVA_DATA_DIR=READ_ONLY)

    assert process.returncode == status
    assert READ_ONLY in process.stderr
    assert "Traceback" not in process.stderr
