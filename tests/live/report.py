"""The report of a live run: what was done, how it ended, and what is left in the project."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.live.inventory import Resource, why_it_stays

__all__ = ["Report", "Step"]


@dataclass(frozen=True)
class Step:
    """A command of the run; `expected`: whether it ended as a live run requires."""

    name: str
    expected: bool
    outcome: str
    seconds: float = 0
    id: str = ""
    problems: tuple[str, ...] = ()


@dataclass
class Report:
    """Grows during the run; `left` are the resources that were not there before the first run."""

    project: str
    prefix: str
    region: str
    google: str
    began_at: str
    version: str
    steps: list[Step] = field(default_factory=list)
    left: list[Resource] = field(default_factory=list)
    unread: tuple[str, ...] = ()
    is_compared: bool = False

    @property
    def forgotten(self) -> list[Resource]:
        """Resources that a destroy must not leave."""
        return [resource for resource in self.left if not why_it_stays(resource)]

    @property
    def passed(self) -> bool:
        """Whether every step ended as required and nothing is left that must not be."""
        return (
            self.is_compared
            and all(step.expected for step in self.steps)
            and not self.forgotten
            and not self.unread
        )

    def write(self, folder: Path) -> Path:
        """Write report.json and report.txt into the folder; the path of the latter."""
        text = folder / "report.txt"
        (folder / "report.json").write_text(json.dumps(self._document(), indent=2) + "\n")
        text.write_text("\n".join(self._lines()) + "\n")
        return text

    def _document(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed, "forgotten": len(self.forgotten)}

    def _lines(self) -> Iterator[str]:
        yield f"# Live run in {self.project}: {'passed' if self.passed else 'FAILED'}\n"
        yield f"Stack {self.project}/{self.prefix} in {self.region}, {self.began_at}."
        yield f"Requests go to {self.google}; version {self.version}.\n"
        yield "| Step | As required | Outcome | Seconds | Deployment |\n|---|---|---|---|---|"
        for step in self.steps:
            verdict = "yes" if step.expected else "NO"
            yield f"| {step.name} | {verdict} | {step.outcome} | {step.seconds:.0f} | {step.id} |"
        for step in self.steps:
            yield from (f"\n{step.name}: {problem}" for problem in step.problems)
        yield "\n## What is left\n"
        yield from self._left_lines()

    def _left_lines(self) -> Iterator[str]:
        if not self.is_compared:
            yield "The resources were not compared: the run ended before."
            return
        for resource in self.forgotten:
            yield f"- **{resource.kind} {resource.name}: must not be left**"
        for resource in self.left:
            if reason := why_it_stays(resource):
                yield f"- {resource.kind} {resource.name}: {reason}"
        yield from (f"- {kind}: could not be listed" for kind in self.unread)
        yield "- Firebase and Identity Platform: Google offers no way to remove them from a project"
        yield f"\nThe project is thrown away by: gcloud projects delete {self.project}"
