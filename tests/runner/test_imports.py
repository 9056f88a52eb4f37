"""What the runner loads before terraform starts: time that a customer waits, three times."""

import subprocess
import sys

from tests.runner.steps import REPOSITORY

SCRIPT = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from runner import run
print(*sys.modules)
"""


def loaded() -> set[str]:
    command = [sys.executable, "-I", "-S", "-c", SCRIPT]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- ours
    return set(done.stdout.split())


def test_nothing_dear_is_loaded_before_terraform_starts() -> None:
    dear = {"json", "signal", "enum", "re", "typing", "dataclasses", "pathlib", "subprocess"}
    assert loaded().isdisjoint(dear)


def test_all_of_the_runner_is_loaded_before_terraform_starts() -> None:
    files = (REPOSITORY / "runner").glob("[a-z]*.py")
    # Without a credential nothing of it is needed; with one it is loaded before the fork.
    needed = {file.stem for file in files} - {"metadata_server"}
    modules = {f"runner.{name}" for name in needed}
    assert modules <= loaded()


def test_nothing_else_of_ours_is_loaded() -> None:
    ours = {name for name in loaded() if name.startswith("adapters")}
    packages = {"adapters", "adapters.terraform", "runner"}
    assert all(name.startswith("runner.") for name in ours - packages)
