"""Why terraform ended although this service did not stop it, as sentences."""

import signal
from dataclasses import dataclass

__all__ = ["Death", "cause_of_death"]

_MEMORY = (
    "The kernel killed a process of this host for lack of memory at that time. Give the host more "
    "memory or fewer deployments at once (ANAVA_WORKER__DEPLOYMENTS)."
)


@dataclass(frozen=True)
class Death:
    """What is known of a terraform's end.

    `sent` are the names of the signals of the stop ladder, `oom_kills` counts the kills for lack of
    memory on the host while terraform ran. `crash` is the line with which a program of Go names its
    crash; `interrupted`: terraform reported an interrupt.
    """

    exit_code: int | None = None
    signal: int | None = None
    sent: frozenset[str] = frozenset()
    oom_kills: int = 0
    disk_full: bool = False
    crash: str = ""
    interrupted: bool = False


def cause_of_death(death: Death) -> str:
    """How terraform died by itself; empty for an orderly exit and for a stop by this service."""
    if death.signal is not None:
        return _killed(death)
    if not death.exit_code:
        return ""
    if death.crash:
        return f"Terraform or a provider crashed: {death.crash}." + _memory(death)
    if death.interrupted and not death.sent:
        return "Another program interrupted terraform."
    return f"Terraform failed. {_MEMORY}" if death.oom_kills and not death.sent else ""


def _killed(death: Death) -> str:
    name = _name(death.signal or 0)
    if name in death.sent:
        return ""
    text = f"Terraform was killed by signal {death.signal} ({name}), not sent by this service."
    if death.crash:
        text += f" It crashed: {death.crash}."
    elif name == "SIGKILL" and not death.oom_kills:
        text += " Another program sent the signal, or the kernel for lack of memory."
    elif name == "SIGBUS" and death.disk_full:
        text += " The disk of the host was full."
    return text + _memory(death)


def _memory(death: Death) -> str:
    return f" {_MEMORY}" if death.oom_kills else ""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
