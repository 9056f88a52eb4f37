"""What holds for every test."""

import signal
import ssl
from functools import cache
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, settings

from adapters.settings import base_environment

# How long an example takes is the machine's business (timings belong to `make bench`), and so is a
# report of what was found that is larger than somebody likes.
settings.register_profile("anava", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anava")

# A shell starts a background job with SIGINT ignored, and every child inherits that: a test of
# Ctrl-C would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The file that httpx takes: that of the environment, or its own.
_AUTHORITIES = base_environment().get("SSL_CERT_FILE") or certifi.where()
_create_default_context = ssl.create_default_context


@cache
def _public_authorities() -> ssl.SSLContext:
    return _create_default_context(cafile=_AUTHORITIES)


def _create_or_share(*arguments: Any, **options: Any) -> ssl.SSLContext:
    if not arguments and options == {"cafile": _AUTHORITIES}:
        return _public_authorities()
    return _create_default_context(*arguments, **options)


# Each client of httpx otherwise reads all public authorities: 27 ms of CPU or more,
# also for http://.
setattr(ssl, "create_default_context", _create_or_share)  # noqa: B010 - for httpx, in tests

# Their tests take seconds each, those of the other folders milliseconds.
_LONG_FOLDERS = ("tests/scenarios/", "tests/browser/", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: the short ones then occupy every process to the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG_FOLDERS))
