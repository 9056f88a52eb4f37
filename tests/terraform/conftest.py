"""The template with the real provider; where there is none, a skip says so."""

from pathlib import Path

import pytest

from tests.support.real_provider import NO_MIRROR, Template, mirror


@pytest.fixture(scope="session")
def provider() -> None:
    if mirror() is None:
        pytest.skip(NO_MIRROR)


@pytest.fixture
def template(provider: None, tmp_path: Path) -> Template:
    """Initialised, with nobody to ask: whatever reaches for Google fails."""
    template = Template(tmp_path)
    template.run("init", "-backend=false", "-input=false")
    return template
