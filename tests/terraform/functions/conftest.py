"""Google and the two functions, started once for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.terraform.functions.google import Google, serving


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with serving() as google:
        yield google
