"""A checkout without programs: the scripts of setup, the tools that they call, a server."""

import hashlib
import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.support.servers import ROOT

SCRIPTS = ("setup", "setup-tests", "download")
LOCKS = ("pyproject.toml", "requirements.lock", "requirements-dev.lock")
TOOLS = (
    *("bash", "sh", "env", "cat", "chmod", "dirname", "find", "flock", "grep", "head", "ln"),
    *("mkdir", "readlink", "rm", "sed", "sha256sum", "sort", "stat", "tail", "timeout"),
)
TIMEOUT_SECONDS = 30


def program(path: Path, *lines: str) -> None:
    """Write a shell script that stands for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a link leads out of the checkout
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def terraform(version: str) -> tuple[str, ...]:
    return (f"echo 'Terraform v{version}'",)


def packed(name: str, content: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("LICENSE.txt", "BUSL")
        file.writestr(name, content)
    return archive.getvalue()


@dataclass
class Releases:
    """A server of files by path; `requests` are the paths that were requested."""

    server: ThreadingHTTPServer
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


class Checkout:
    """A copy of the scripts in which everything is set up but the programs."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.tools = folder / "tools"
        self.tools.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.tools / tool).symlink_to(found)
        for name in ("python3", "python"):
            (self.tools / name).symlink_to(sys.executable)
        (self.root / "scripts").mkdir(parents=True)
        for name in SCRIPTS:
            shutil.copy2(ROOT / "scripts" / name, self.root / "scripts")
        for name in LOCKS:
            shutil.copy2(ROOT / name, self.root)
        (self.root / ".venv" / "bin").mkdir(parents=True)
        (self.root / ".venv" / "bin" / "python").symlink_to(sys.executable)
        program(self.driver)
        self.stamp()

    @property
    def driver(self) -> Path:
        """Playwright's own Node."""
        return self.root / ".venv/lib/python3.11/site-packages/playwright/driver/node"

    def stamp(self) -> None:
        """Mark the packages as installed, by the script's own words."""
        self.run(
            "bash", "-c", "source <(sed -n '/^fingerprint/,/^}/p' scripts/setup)\n"
            "fingerprint >.venv/setup.stamp",
        )  # fmt: skip

    def pin(self, old: str, content: bytes) -> None:
        """Replace a pinned checksum by that of `content`."""
        script = self.root / "scripts" / "download"
        text = script.read_text()
        assert old in text
        script.write_text(text.replace(old, hashlib.sha256(content).hexdigest()))

    def run(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - the scripts under test
            argv,
            cwd=self.root,
            env={"PATH": str(self.tools), "HOME": str(self.root), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    @property
    def programs(self) -> list[str]:
        folder = self.root / ".cache" / "programs"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
