"""The limit of open descriptors: beyond it the kernel accepts no connection.

A request that opens a file would fail there, so a part is reserved.
"""

import resource
import sys

__all__ = ["ACCEPTED_AT_ONCE", "raise_descriptor_limit", "usable_descriptors"]

# For the files and stores of running requests, and for the connections that are refused.
_RESERVED = 256
# asyncio accepts so many connections in each pass of its loop, and a refused connection is closed
# three passes later: together less than the reserve.
ACCEPTED_AT_ONCE = 16


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open descriptors, usually 1,024, to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def usable_descriptors() -> tuple[int, int]:
    """The descriptors for connections that are served, and for those that are refused."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = sys.maxsize if limit == resource.RLIM_INFINITY else limit
    reserved = min(_RESERVED, limit // 4)
    return limit - reserved, reserved // 4
