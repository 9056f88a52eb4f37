"""The baseline of most figures: the same terraform, files and arguments, with nobody around it."""

import asyncio
import json
import shutil
import time
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass, field
from pathlib import Path

from adapters.terraform import command
from adapters.terraform.state.backends import BACKEND_FILE, LocalStateBackend, backend_file
from deployments.phase import Phase

__all__ = ["TEMPLATES", "RawRun"]

TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class RawRun:
    """One stack deployed by hand: `init`, `plan` and `apply` behind each other, into files.

    Args:
        folder: where; made here.
        cli_config: the worker's own, so that terraform looks for providers in the same places.
        path: the PATH of terraform and its provisioners.
    """

    folder: Path
    cli_config: Path
    path: str
    terraform: str = field(default_factory=lambda: shutil.which("terraform") or "terraform")

    @property
    def spool(self) -> Path:
        """What apply prints."""
        return self.folder / "apply"

    def make(self, **variables: float) -> None:
        """Lay the files out as a run directory has them."""
        work = self.folder / "work"
        shutil.copytree(TEMPLATES / "sandbox", work)
        (self.folder / "home").mkdir()
        values = {
            "project_id": "demo-project-1",
            "region": "us-central1",
            "prefix": "raw",
            "storage_location": "US",
            **variables,
        }
        (work / "terraform.tfvars.json").write_text(json.dumps(values))
        state = self.folder / "terraform.tfstate"
        (work / BACKEND_FILE).write_text(backend_file(LocalStateBackend(state)))

    async def start(self, phase: Phase) -> Process:
        """Start one phase; it prints into a file of the phase's name."""
        argv = command.phase_argv(self.terraform, phase)
        with (self.folder / phase).open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder / "work",
                env=command.environment(self.folder / "home", self.cli_config, self.path),
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def run(self, phase: Phase) -> None:
        """One phase to its end."""
        process = await self.start(phase)
        assert await process.wait() == 0, (self.folder / phase).read_text()[-2000:]

    async def plan(self) -> None:
        """All that comes before apply."""
        await self.run(Phase.INIT)
        await self.run(Phase.PLAN)

    async def seconds(self) -> float:
        """The whole, in seconds."""
        begin = time.monotonic()
        await self.plan()
        await self.run(Phase.APPLY)
        return time.monotonic() - begin
