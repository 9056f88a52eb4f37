"""A process with keys is closed to others, and so is the folder with secrets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.process_protection import make_private
from deployments.errors import InvalidSettings
from tests.support.servers import ROOT

_SCRIPT = """
import ctypes, os, resource
from adapters import settings
from adapters.process_protection import protect_process
protect_process()
os.environ["ANAVA_LOG__SINKS"] = "local"
loaded = settings.load()
settings.forget_secrets()
assert loaded.secrets.ring and loaded.redis.url
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
print(*resource.getrlimit(resource.RLIMIT_CORE))
print(oct(os.umask(0)))
print([name for name, value in os.environ.items() if "planted" in value or "c2VjcmV0" in value])
"""


def test_a_protected_process_is_not_dumpable_and_has_no_key_in_its_environment() -> None:
    environment = {
        "PATH": os.defpath,
        "ANAVA_SECRETS__KEYS": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=",
        "ANAVA_REDIS__URL": "redis://:planted@127.0.0.1/0",
        "ANAVA_LOG__REDACT": "planted",
        "TEMPORAL_API_KEY": "planted",
        "TEMPORAL_TLS_CLIENT_KEY_DATA": "planted",
    }
    output = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _SCRIPT],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert output.splitlines() == ["0", "0 0", "0o77", "[]"]


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711, 0o777, 0o700])
def test_a_folder_that_others_can_enter_is_tightened(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)

    make_private(folder)

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "new" / "data")
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("root is missing: only root can give a folder away")
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(InvalidSettings, match="another user"):
        make_private(tmp_path)
    os.chown(tmp_path, 0, 0)
