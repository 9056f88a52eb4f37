"""One stack that is applied once for all tests."""

from collections.abc import Iterator

import pytest

from tests.support.real_provider import Template
from tests.support.stand_in.provider import served
from tests.terraform.stack.applied import Stack


@pytest.fixture(scope="session")
def stack(provider: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with served(folder) as google:
        template = Template(folder, google.port)
        template.run("init", "-input=false")
        template.set()
        stack = Stack(template, google)
        stack.apply()
        yield stack
