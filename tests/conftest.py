"""What holds for every test."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business (timings belong to `make bench`), and so is a
# report of what was found that is larger than somebody likes.
settings.register_profile("anava", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anava")

# A shell starts a background job with SIGINT ignored, and every child inherits that: a test of
# Ctrl-C would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Their tests take seconds each, those of the other folders milliseconds.
_LONG_FOLDERS = ("tests/scenarios/", "tests/browser/", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: the short ones then occupy every process to the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG_FOLDERS))
