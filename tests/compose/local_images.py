"""Images made of what this machine has, for an engine that cannot pull any."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from adapters.settings import base_environment
from tests.compose.engine import Engine
from tests.support import programs, stores
from tests.support.real_provider import NO_MIRROR, mirror
from tests.support.servers import ROOT

__all__ = ["make"]

_CACHE = ROOT / ".cache" / "compose"
_PACKAGES = "python3,python3-venv,ca-certificates,openjdk-17-jre-headless"
# The emulator without the SDK of 1.9 GB; the command is that of docker-compose.yml.
_GCLOUD = """#!/bin/sh
for option in "$@"; do
    case $option in --host-port=*) address=${option#--host-port=} ;; esac
done
exec %s --host "${address%%:*}" --port "${address##*:}"
"""


def make(engine: Engine, folder: Path, checkout: Path) -> dict[str, str]:
    """Build what docker-compose.yml takes from elsewhere; its variables for that."""
    _fill_wheels(checkout)
    _fill_providers(checkout)
    engine.docker("import", str(_base()), "local/python")
    return {
        "ANAVA_PYTHON_IMAGE": "local/python",
        "ANAVA_TERRAFORM_IMAGE": _terraform(engine, folder / "terraform"),
        "ANAVA_REDIS_IMAGE": _redis(engine, folder / "redis"),
        "ANAVA_GCS_IMAGE": _gcs(engine, folder / "gcs"),
        "ANAVA_FIRESTORE_IMAGE": _firestore(engine, folder / "firestore"),
    }


def _base() -> Path:
    """Debian with Python and Java, kept for the next time."""
    kept = _CACHE / "base.tar"
    if not kept.exists():
        root = _CACHE / "base"
        shutil.rmtree(root, ignore_errors=True)
        _CACHE.mkdir(parents=True, exist_ok=True)
        _run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root))
        draft = _CACHE / "base.tar.draft"
        _run("tar", "-C", str(root), "--numeric-owner", "--exclude=./var/cache/apt/*",
             "-cf", str(draft), ".")  # fmt: skip
        shutil.rmtree(root)
        draft.rename(kept)
    return kept


def _fill_wheels(checkout: Path) -> None:
    """What the build installs, so that it needs no network; of Debian's Python."""
    tools = re.search(r"\^\(([a-z|-]+)\)==", (checkout / "Dockerfile").read_text())
    assert tools is not None, "the Dockerfile names the build tools"
    build = rf"^(?:{tools[1]})==(?:.*\\\n)*.*\n"
    development = (checkout / "requirements-dev.lock").read_text()
    wanted = (checkout / "requirements.lock").read_text() + "".join(
        found[0] for found in re.finditer(build, development, re.MULTILINE)
    )
    # Whatever release of Python this is: markers are for the image's.
    names = checkout / "wanted.txt"
    names.write_text(re.sub(r" ; [^\\\n]+", " ", wanted))
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
         "--cache-dir", str(ROOT / ".cache" / "pip"), "--only-binary=:all:",
         "--python-version=3.11", "--dest", str(checkout / "container" / "wheels"),
         "-r", str(names))  # fmt: skip


def _fill_providers(checkout: Path) -> None:
    """The mirror at hand; without one the image does without the template that needs it."""
    found = mirror()
    if found is None:
        sys.stdout.write(f"without the template anava: {NO_MIRROR} … ")
        shutil.rmtree(checkout / "terraform" / "anava")
    else:
        shutil.copytree(found, checkout / "container" / "providers", dirs_exist_ok=True)


def _terraform(engine: Engine, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{base_environment()['PATH']}"
    binary = shutil.which("terraform", path=path)
    assert binary is not None, "terraform is missing: make setup"
    _copy(Path(binary), folder / "terraform")
    return _build(engine, folder, "FROM scratch\nCOPY terraform /bin/terraform\n")


def _redis(engine: Engine, folder: Path) -> str:
    _copy(stores.VALKEY, folder / "valkey-server")
    return _build(
        engine,
        folder,
        "FROM local/python\nCOPY valkey-server /usr/local/bin/\nWORKDIR /data\n"
        'CMD ["valkey-server", "--protected-mode", "no"]\n',
    )


def _gcs(engine: Engine, folder: Path) -> str:
    _copy(stores.GCS, folder / "fake-gcs-server")
    return _build(
        engine,
        folder,
        "FROM scratch\nCOPY fake-gcs-server /bin/fake-gcs-server\n"
        'ENTRYPOINT ["/bin/fake-gcs-server", "-data", "/data"]\n',
    )


def _firestore(engine: Engine, folder: Path) -> str:
    command = programs.firestore_emulator()
    assert command is not None, "the Firestore emulator is missing: make setup-tests"
    archive = command.index("-cp") + 1
    _copy(Path(command[archive]), folder / "emulator.jar")
    command[archive] = "/opt/emulator.jar"
    (folder / "gcloud").write_text(_GCLOUD.replace("%s", shlex.join(command)))
    (folder / "gcloud").chmod(0o755)
    return _build(
        engine,
        folder,
        "FROM local/python\nCOPY emulator.jar /opt/\nCOPY gcloud /usr/local/bin/\n",
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _build(engine: Engine, folder: Path, dockerfile: str) -> str:
    (folder / "Dockerfile").write_text(dockerfile)
    name = f"local/{folder.name}"
    engine.docker("build", "--quiet", "--network=none", "-t", name, str(folder))
    return name


def _run(*argv: str) -> None:
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if ended.returncode:
        raise AssertionError(f"{argv[0]}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
