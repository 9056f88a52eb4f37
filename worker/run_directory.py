"""The folder of one deployment on this host: made in one move, emptied when all is recorded."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from adapters.local import atomic_files
from adapters.terraform import function_archives
from adapters.terraform.state.backends import BACKEND_FILE
from deployments.deployment import DeploymentRequest
from deployments.errors import RunDirectoryBroken
from deployments.templates import TEMPLATES

__all__ = ["RECORD_FILE", "RunDirectory"]

RECORD_FILE = "record.json"
_SECRETS_FILE = "secrets.json"

# What tools leave in a template, and what is for readers.
_LEFT_OUT = (".terraform", "__pycache__", "*.md")

# What stays of a step: its log, which sink has how much of it, its progress and the runner's own
# testimony.
_KEPT = frozenset({"events.jsonl", "cursors", "progress.json", "exit.json"})


class RunDirectory:
    """`<run root>/<deployment>`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.home = path / "home"

    @property
    def is_open(self) -> bool:
        """Whether the deployment still needs its place on this host."""
        return self.path.is_dir() and not (self.path / RECORD_FILE).exists()

    def make(
        self, template: Path, request: DeploymentRequest, backend: str, secrets: Iterable[str]
    ) -> None:
        """Make it whole, or leave it as it is.

        Args:
            template: what is deployed.
            request: with what.
            backend: content of its `backend.tf.json`.
            secrets: texts that must not be seen, besides those of the request.

        Raises:
            RunDirectoryBroken: the template is missing.
        """
        if self.path.is_dir():
            return
        if not template.is_dir():
            raise RunDirectoryBroken(f"the template {request.stack.template} is not installed")
        draft = self.path.with_name(f".{self.path.name}.{os.urandom(4).hex()}")
        work = draft / "work"
        draft.mkdir(mode=0o700, parents=True)
        shutil.copytree(template, work, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        function_archives.pack(work)
        (draft / "home").mkdir(mode=0o700)
        (draft / "steps").mkdir(mode=0o700)
        atomic_files.replace(work / "terraform.tfvars.json", _variables(request))
        atomic_files.replace(work / BACKEND_FILE, backend)
        hidden = {*secrets, *_sensitive_values(request)}
        atomic_files.replace(draft / _SECRETS_FILE, {"secrets": sorted(hidden)})
        try:
            draft.rename(self.path)
        except OSError:
            # Another attempt of the same activity was faster.
            shutil.rmtree(draft)

    def secrets(self) -> list[str]:
        """Texts that must not be seen; none once the work is done."""
        content = atomic_files.read(self.path / _SECRETS_FILE) or {}
        secrets = content.get("secrets", [])
        return [str(secret) for secret in secrets] if isinstance(secrets, list) else []

    def step(self, number: int) -> Path:
        """The folder of one step, there or not."""
        return self.path / "steps" / str(number)

    def steps(self) -> list[int]:
        """Numbers of the steps that have a folder."""
        try:
            names = [path.name for path in (self.path / "steps").iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def record(self, record_json: str) -> str:
        """Write the record unless there is one; the record that is kept."""
        self.path.mkdir(exist_ok=True, mode=0o700)
        atomic_files.create(self.path / RECORD_FILE, record_json)
        return atomic_files.read_text(self.path / RECORD_FILE) or record_json

    def clear(self) -> None:
        """Remove what only the work needed; a repeat finds it gone."""
        for folder in (self.work, self.home):
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / _SECRETS_FILE).unlink(missing_ok=True)
        for step in self.steps():
            for entry in self.step(step).iterdir():
                _remove(entry)


def _remove(entry: Path) -> None:
    if entry.name in _KEPT:
        return
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _variables(request: DeploymentRequest) -> str:
    values: dict[str, object] = json.loads(request.variables_json)
    values |= {
        "project_id": request.stack.project_id,
        "region": request.region,
        "prefix": request.stack.prefix,
        "storage_location": request.storage_location,
    }
    return json.dumps(values)


def _sensitive_values(request: DeploymentRequest) -> Iterator[str]:
    values: dict[str, object] = json.loads(request.variables_json)
    for name in TEMPLATES[request.stack.template].sensitive:
        value = values.get(name)
        yield from map(str, value if isinstance(value, list) else [value] if value else [])
