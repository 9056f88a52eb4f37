"""The limit for a log or an artifact: of the deployment, and the share of its owner.

docs/adr/0043 has the reasons.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

__all__ = [
    "ALWAYS_BYTES",
    "LOG_COPIES",
    "OWNER_ADVICE",
    "OWNER_LIMITED",
    "LimitHolder",
    "SizeLimit",
    "share_of",
]

# Stored however much the owner holds, so that each deployment shows its log, its plan and the
# configuration of its cameras: 1,400 lines of a log (0.7 KB each, measured), twice ten lines for
# each of the 70 resources of the stack `anava`; a plan of 1,000 resources.
ALWAYS_BYTES = 1_000_000

# Of a deployment: the event files, their three copies (text, gzip, a file for each step), and the
# four artifacts that a plan or a state decides. Each may have an eighth of the bytes left, so
# deployments one after another stay within the limit of the owner.
_FILES = 8
# The event files and their three copies.
LOG_COPIES = 4

OWNER_LIMITED = "the logs and files of the owner's deployments have reached their limit on the host"
OWNER_ADVICE = "An operator can shorten the retention of earlier deployments or raise the limit."


class LimitHolder(StrEnum):
    """Whose limit a file has reached."""

    DEPLOYMENT = "deployment"
    OWNER = "owner"


def share_of(limit_bytes: int, others_bytes: int, own_bytes: int = 0, copies: int = 1) -> int:
    """The bytes that a file of a deployment may have, where its owner has a limit.

    The owner's other deployments have `others_bytes`, the other files of this deployment have
    `own_bytes`. The file is stored `copies` times. A repeat has the same share: the file itself
    and what the deployment wrote since are no bytes of others.
    """
    left = limit_bytes - others_bytes
    return max(ALWAYS_BYTES, min(left // _FILES, (left - own_bytes) // copies))


@dataclass(frozen=True)
class SizeLimit:
    """The limit for a file, or for files that `used_bytes` are written of already.

    `owner_share` counts the owner's bytes: called in a thread, once, for a file beyond
    `ALWAYS_BYTES` alone.
    """

    deployment_bytes: int = sys.maxsize
    owner_share: Callable[[], int] = lambda: sys.maxsize
    used_bytes: int = 0

    def reached_by(self, size_bytes: int) -> LimitHolder | None:
        """Whose limit a file of this size exceeds; None within both limits. Blocks."""
        size_bytes += self.used_bytes
        if size_bytes > self.deployment_bytes:
            return LimitHolder.DEPLOYMENT
        if size_bytes > ALWAYS_BYTES and size_bytes > self._share:
            return LimitHolder.OWNER
        return None

    @cached_property
    def _share(self) -> int:
        return self.owner_share()
