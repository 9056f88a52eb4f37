"""Google's stand-in of the tests, as one more child of `anava up`: for a look without an account.

It is a process of its own: nothing of the product imports anything of the tests.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from cli.local_environment import CannotStart, LocalEnvironment, free_port

__all__ = ["argv", "forget", "with_stand_in"]

_PROVIDER = Path("registry.terraform.io", "hashicorp", "google-beta")
# What is kept of the settings. Real stores, states and accounts have no place there: a real stack
# that is destroyed at a stand-in would be forgotten, not destroyed.
_KEPT = ("ANAVA_API", "ANAVA_PHASES", "ANAVA_TERRAFORM", "ANAVA_WORKER")
_SIGN_INS = ("GOOGLE_", "GCE_", "CLOUDSDK_")


def with_stand_in(local: LocalEnvironment, mirror: Path | None) -> LocalEnvironment:
    """The place with a stand-in in it, for every host of Google's, and a data folder of its own.

    Args:
        local: where the service runs.
        mirror: where terraform finds its providers.

    Raises:
        CannotStart: something that it needs is not there.
    """
    if mirror is None or not (mirror / _PROVIDER).is_dir():
        place_of_it = "no mirror is set" if mirror is None else f"{mirror} does not hold it"
        raise CannotStart(
            f"--google-stand-in needs Google's provider for terraform, but {place_of_it}: "
            "`make providers` fills container/providers/; set ANAVA_TERRAFORM__MIRROR to it."
        )
    port = free_port()
    host = f"127.0.0.1:{port}"
    data = local.data / "stand-in"
    found = {
        "ANAVA_GOOGLE__ENDPOINT": f"http://{host}",
        # The service signs in as a machine of Google's does; the library asks the first whether
        # there is such a machine, and the second for the token.
        "GCE_METADATA_IP": host,
        "GCE_METADATA_HOST": host,
        # Where gcloud's own sign-in would be found before.
        "CLOUDSDK_CONFIG": str(data / "gcloud"),
    }
    kept = {name: one for name, one in local.environment.items() if _is_kept(name)}
    return replace(local, data=data, google_port=port, environment={**kept, **found})


def _is_kept(name: str) -> bool:
    if name.startswith("ANAVA_"):
        return name.startswith(_KEPT)
    return not name.startswith(_SIGN_INS)


def forget(data: Path) -> None:
    """Remove the states of what an earlier stand-in held: it is gone with that process."""
    shutil.rmtree(data / "stacks", ignore_errors=True)


def argv(port: int) -> list[str]:
    """The command of the stand-in; it listens on loopback."""
    return [sys.executable, "-m", "google_stand_in", "--port", str(port)]
