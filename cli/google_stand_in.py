"""Google's stand-in as a further child of `anava up`: a trial without an account.

The stand-in is a separate package and process: no product room imports it.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from cli.local_environment import CannotStart, LocalEnvironment, free_port

__all__ = ["DEFAULT_SCENARIO", "argv", "remove_states", "with_stand_in"]

DEFAULT_SCENARIO = "brand-new-project"
_SCENARIOS = Path(__file__).resolve().parent.parent / "google_stand_in" / "scenarios"
_PROVIDER = Path("registry.terraform.io", "hashicorp", "google-beta")
# The settings that are passed on. Real stores, states and accounts are not: the destroy of a real
# stack at a stand-in would drop the state and leave the resources.
_PASSED_ON = ("ANAVA_API", "ANAVA_PHASES", "ANAVA_TERRAFORM", "ANAVA_WORKER")
_SIGN_INS = ("GOOGLE_", "GCE_", "CLOUDSDK_")


def with_stand_in(
    local: LocalEnvironment, mirror: Path | None, scenario: str = DEFAULT_SCENARIO
) -> LocalEnvironment:
    """The environment with a stand-in for every host of Google's and a separate data folder.

    Raises:
        CannotStart: the mirror does not hold Google's provider, or there is no such scenario.
    """
    known = sorted(path.stem for path in _SCENARIOS.glob("*.json"))
    if scenario not in known:
        raise CannotStart(f"There is no scenario {scenario!r}; there are {', '.join(known)}.")
    if mirror is None or not (mirror / _PROVIDER).is_dir():
        problem = "no mirror is set" if mirror is None else f"{mirror} does not hold it"
        raise CannotStart(
            f"--google-stand-in needs Google's provider for terraform, but {problem}: "
            "`make providers` fills container/providers/; set ANAVA_TERRAFORM__MIRROR to it."
        )
    port = free_port()
    host = f"127.0.0.1:{port}"
    data = local.data / "stand-in"
    settings = {
        "ANAVA_GOOGLE__ENDPOINT": f"http://{host}",
        # The service signs in as a virtual machine of Google's does: Google's library pings the
        # metadata server at the first address and requests the token from the second.
        "GCE_METADATA_IP": host,
        "GCE_METADATA_HOST": host,
        # gcloud's own sign-in would take precedence.
        "CLOUDSDK_CONFIG": str(data / "gcloud"),
    }
    passed_on = {name: value for name, value in local.environment.items() if _is_passed_on(name)}
    return replace(
        local,
        data=data,
        google_port=port,
        google_scenario=scenario,
        environment={**passed_on, **settings},
    )


def _is_passed_on(name: str) -> bool:
    if name.startswith("ANAVA_"):
        return name.startswith(_PASSED_ON)
    return not name.startswith(_SIGN_INS)


def remove_states(data: Path) -> None:
    """Remove the states of an earlier stand-in, whose resources ended with the process."""
    shutil.rmtree(data / "stacks", ignore_errors=True)


def argv(port: int, scenario: str) -> list[str]:
    """The command line of the stand-in, which listens on loopback."""
    command = [sys.executable, "-m", "google_stand_in", "--port", str(port)]
    return [*command, "--scenario", scenario]
