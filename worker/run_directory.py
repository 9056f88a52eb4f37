"""The folder of a deployment on this host: made by a single rename, emptied after finalize."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from adapters.local import atomic_files, disk_space
from adapters.terraform import function_archives
from adapters.terraform.state.backends import BACKEND_FILE
from deployments.deployment import DeploymentRequest, Status
from deployments.errors import RunDirectoryBroken
from deployments.imports import Import
from deployments.templates import TEMPLATES
from worker import run_index
from worker.run_index import RECORD_FILE

__all__ = ["RunDirectory", "ignored_of"]

_SECRETS_FILE = "secrets.json"
# Secrets that became known later, a file for each addition: workers and steps add at the same time.
_LATER_SECRETS = "secrets"
_TEMPLATE_FILE = "template.json"
# The resources that a search in the project found, a file for each search.
_IMPORTS = "imports"

# Left by tools: not copied from a template. A template may read any other file.
_IGNORED = (".terraform", "__pycache__")
# Of the template's own folder alone: `terraform test` files, and prices.
_IGNORED_AT_TOP = ("tests", "costs.json")

# The files of a step that `clear` leaves: log, cursors of the sinks, progress, exit record, and the
# only report of a runner that failed.
_RETAINED = frozenset({"events.jsonl", "cursors", "progress.json", "exit.json", "runner.err"})

_VERSION_DIGITS = 12
_VERSION_VARIABLE = b'variable "template_version"'


def ignored_of(template: Path) -> Callable[[str, list[str]], set[str]]:
    """Return the `ignore` of `shutil.copytree` for a template: names that do not reach a run."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        at_top = _IGNORED_AT_TOP if Path(folder) == template else ()
        return {*names} & {*_IGNORED, *at_top}

    return ignored


class RunDirectory:
    """`<run root>/<deployment>`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.home = path / "home"
        self._later_secrets = path / _LATER_SECRETS
        self._imports = path / _IMPORTS

    @property
    def is_open(self) -> bool:
        """Whether the deployment takes a slot on this host."""
        return self.path.is_dir() and not (self.path / RECORD_FILE).exists()

    def has_ended(self) -> bool:
        """Whether the deployment has a record."""
        return (self.path / RECORD_FILE).exists()

    def has_completed(self) -> bool:
        """Whether the deployment ended with the status `completed`."""
        record = atomic_files.read(self.path / RECORD_FILE) or {}
        result = record.get("result")
        return isinstance(result, dict) and result.get("status") == Status.COMPLETED

    def origin(self) -> tuple[str, str] | None:
        """Host and first run id for which the directory was made; None where none was made.

        `record` alone makes a directory without work and mark, after the loss of the first. Both
        texts are empty for work without a mark, and for an unreadable mark.
        """
        if not self.path.is_dir():
            return None
        try:
            content = atomic_files.read(self.path / _TEMPLATE_FILE)
        except RunDirectoryBroken:
            content = {}
        if content is None:
            return ("", "") if self.work.exists() else None
        return str(content.get("host", "")), str(content.get("execution", ""))

    def is_of(self, host: str) -> bool:
        """Whether this host made the directory; the last release left no mark."""
        made_by, _ = self.origin() or ("", "")
        return made_by in {"", host}

    def make(
        self,
        template: Path,
        request: DeploymentRequest,
        backend: str,
        secrets: Iterable[str],
        origin: tuple[str, str] = ("", ""),
        owner: str = "",
    ) -> None:
        """Copy the template and add variables, backend and secrets; an existing directory stays.

        `secrets` are texts to redact, besides those of the request; `origin` is the host and the
        first run id, `owner` the digest of the subject. Raises RunDirectoryBroken when the template
        is missing.
        """
        if self.path.is_dir():
            return
        if not template.is_dir():
            raise RunDirectoryBroken(f"the template {request.stack.template} is not installed")
        draft = self.path.with_name(f".{self.path.name}.{os.urandom(4).hex()}")
        try:
            mark = {"stack": request.stack.id, "host": origin[0], "execution": origin[1]}
            self._fill(draft, template, request, backend, secrets, mark | {"owner": owner})
            run_index.mark(self.path)
            draft.rename(self.path)
            # Again: a machine that slept may have lost the first mark as one without a directory.
            run_index.mark(self.path)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            # Another attempt of the same activity may have made the directory.
            if not self.path.is_dir():
                raise

    def _fill(
        self,
        draft: Path,
        template: Path,
        request: DeploymentRequest,
        backend: str,
        secrets: Iterable[str],
        mark: Mapping[str, str],
    ) -> None:
        work = draft / "work"
        draft.mkdir(mode=0o700, parents=True)
        disk_space.make_reserve(draft)
        shutil.copytree(template, work, ignore=ignored_of(template))
        version = _version(work)
        content = {"format": 1, "version": version, **mark}
        # After a power failure the file would else be empty, and the directory of no stack.
        disk_space.replace_durably(draft / _TEMPLATE_FILE, json.dumps(content).encode(), None)
        function_archives.pack(work)
        (draft / "home").mkdir(mode=0o700)
        (draft / "steps").mkdir(mode=0o700)
        atomic_files.replace(work / "terraform.tfvars.json", _variables(request, work, version))
        atomic_files.replace(work / BACKEND_FILE, backend)
        hidden = {*secrets, *_sensitive_values(request)}
        known = {"secrets": sorted(hidden), "public": sorted(_public_values(request))}
        atomic_files.replace(draft / _SECRETS_FILE, known)

    def secrets(self) -> list[str]:
        """The texts to redact; empty after `clear`."""
        later = sorted(self._later_secrets.glob("[!.]*"))
        return [
            secret for path in (self.path / _SECRETS_FILE, *later) for secret in _secrets_in(path)
        ]

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Add texts to redact from now on; a repeat, or after `clear`, changes nothing.

        What the request itself names stays visible: a plan marks the whole of an object, of which
        the project's id may be a part.
        """
        texts = sorted({*secrets} - self.public_texts())
        if not texts or not (self.path / _SECRETS_FILE).exists():
            return
        path = self._later_secrets / hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        disk_space.with_reserve(self.path, partial(_create, path, {"secrets": texts}))

    def public_texts(self) -> set[str]:
        """The texts that the request itself names, which stay visible; empty after `clear`."""
        content = atomic_files.read(self.path / _SECRETS_FILE) or {}
        public = content.get("public", [])
        return set(map(str, public)) if isinstance(public, list) else set()

    def secrets_version(self) -> int:
        """A number that changes when secrets are added."""
        try:
            return self._later_secrets.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def add_imports(self, imports: Iterable[Import]) -> None:
        """Add resources that a plan of this deployment may import; a repeat changes nothing."""
        content = {"imports": sorted({(block.address, block.id) for block in imports})}
        path = self._imports / hashlib.sha256(json.dumps(content).encode()).hexdigest()
        disk_space.with_reserve(self.path, partial(_create, path, content))

    def imports(self) -> set[Import]:
        """The resources that a plan of this deployment may import; none after `clear`."""
        contents = [atomic_files.read(path) or {} for path in self._imports.glob("[!.]*")]
        return {
            Import(str(address), str(id))
            for content in contents
            if isinstance(blocks := content.get("imports"), list)
            for address, id in blocks
        }

    def is_cleared(self) -> bool:
        """Whether `clear` has removed the files that only the work needed."""
        secret = (self.work, self.home, self.path / _SECRETS_FILE, self.path / _LATER_SECRETS)
        return not any(path.exists() for path in secret)

    def _mark(self) -> dict[str, object]:
        """The content of `template.json`; empty when the file is missing or damaged."""
        try:
            return atomic_files.read(self.path / _TEMPLATE_FILE) or {}
        except RunDirectoryBroken:
            return {}

    def template_version(self) -> str:
        """The version of the copied template: 12 hex digits; empty for a broken directory."""
        return str(self._mark().get("version", ""))

    def stack(self) -> str:
        """The id of the deployment's stack; empty for a broken directory."""
        return str(self._mark().get("stack", ""))

    def owner(self) -> str:
        """The digest of the subject; empty for a broken directory, and of an earlier version."""
        return str(self._mark().get("owner", ""))

    def step(self, number: int) -> Path:
        """The path of a step's folder, which may be missing."""
        return self.path / "steps" / str(number)

    def steps(self) -> list[int]:
        """The numbers of the steps that have a folder, sorted."""
        try:
            names = [path.name for path in (self.path / "steps").iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def record(self, record_json: str) -> str:
        """Write the record unless one exists; returns the stored record."""
        path = self.path / RECORD_FILE
        disk_space.with_reserve(path, partial(run_index.mark, self.path))
        self.path.mkdir(exist_ok=True, mode=0o700)
        disk_space.create(path, record_json)
        disk_space.with_reserve(path, partial(run_index.note_ended, self.path))
        return atomic_files.read_text(path) or record_json

    def clear(self) -> None:
        """Remove the files that only the work needed; may be repeated."""
        for folder in (self.work, self.home, self._later_secrets, self._imports):
            shutil.rmtree(folder, ignore_errors=True)
        disk_space.remove_reserve(self.path)
        (self.path / _SECRETS_FILE).unlink(missing_ok=True)
        for step in self.steps():
            for path in self.step(step).iterdir():
                _remove(path)


def _secrets_in(path: Path) -> list[str]:
    secrets = (atomic_files.read(path) or {}).get("secrets", [])
    return [str(secret) for secret in secrets] if isinstance(secrets, list) else []


def _create(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    atomic_files.create(path, content)


def _remove(path: Path) -> None:
    if path.name in _RETAINED:
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _version(template: Path) -> str:
    """A digest over the names and contents of a template's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in template.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(template)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:_VERSION_DIGITS]


def _variables(request: DeploymentRequest, work: Path, version: str) -> str:
    """The variables file; the version becomes an output, so that the state has it, too."""
    values: dict[str, object] = json.loads(request.variables_json)
    # Terraform warns of a value without a variable.
    if any(_VERSION_VARIABLE in path.read_bytes() for path in work.glob("*.tf")):
        values["template_version"] = version
    return json.dumps(values | _target(request))


def _target(request: DeploymentRequest) -> dict[str, str]:
    return {
        "project_id": request.stack.project_id,
        "region": request.region,
        "prefix": request.stack.prefix,
        "storage_location": request.storage_location,
    }


def _public_values(request: DeploymentRequest) -> set[str]:
    return {*_target(request).values()} - {*_sensitive_values(request)}


def _sensitive_values(request: DeploymentRequest) -> Iterator[str]:
    values: dict[str, object] = json.loads(request.variables_json)
    for name in TEMPLATES[request.stack.template].sensitive:
        value = values.get(name)
        yield from map(str, value if isinstance(value, list) else [value] if value else [])
