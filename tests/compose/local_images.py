"""Images made of what this machine has, for an engine that cannot pull any."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.compose.engine import Engine
from tests.support import stores
from tests.support.real_provider import NO_MIRROR, mirror
from tests.support.servers import ROOT

__all__ = ["make"]

_CACHE = ROOT / ".cache" / "compose"
_PACKAGES = "python3,python3-venv,ca-certificates,openjdk-17-jre-headless"
# The parts of the Google Cloud SDK that its Firestore emulator needs; all of it are 1.9 GB.
_SDK = (
    "lib",
    ".install",
    "properties",
    "VERSION",
    "bin/gcloud",
    "bin/bootstrapping",
    "platform/cloud-firestore-emulator",
)


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
         "--python-version=3.11", "--dest", str(checkout / "wheels"), "-r", str(names))  # fmt: skip


def _fill_providers(checkout: Path) -> None:
    """The mirror at hand; without one the image does without the template that needs it."""
    found = mirror()
    if found is None:
        sys.stdout.write(f"without the template anava: {NO_MIRROR} … ")
        shutil.rmtree(checkout / "terraform" / "anava")
    else:
        shutil.copytree(found, checkout / "providers", dirs_exist_ok=True)


def _terraform(engine: Engine, folder: Path) -> str:
    found = shutil.which("terraform")
    assert found is not None, "terraform is on the PATH"
    _copy(Path(found), folder / "terraform")
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
    gcloud = shutil.which("gcloud")
    assert gcloud is not None, "gcloud, whose SDK has the Firestore emulator, is on the PATH"
    sdk = Path(gcloud).resolve().parent.parent
    # Appended and imported: a build would carry its 600 MB four times.
    folder.mkdir()
    whole = shutil.copy2(_base(), folder / "whole.tar")
    _run("tar", "--append", "-f", str(whole), "--transform=s,^,opt/sdk/,", "-C", str(sdk), *_SDK)
    path = "ENV PATH=/opt/sdk/bin:/usr/bin:/bin"
    python = "ENV CLOUDSDK_PYTHON=/usr/bin/python3"
    engine.docker("import", "--change", path, "--change", python, str(whole), "local/firestore")
    return "local/firestore"


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
