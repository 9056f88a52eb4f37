import asyncio

import pytest

from adapters.settings import ApiSettings, Settings
from api.main import create_app
from api.middleware.request_guard import is_loopback
from api.server import check_host
from deployments.errors import InvalidSettings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])  # noqa: S104
async def test_without_sign_in_only_loopback_is_served(host: str) -> None:
    with pytest.raises(InvalidSettings, match="loopback"):
        await create_app(Settings(api=ApiSettings(host=host)), asyncio.Event())


def test_a_container_that_is_published_on_loopback_listens_on_all_interfaces() -> None:
    check_host("0.0.0.0", published_on_loopback=True)  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9"])
def test_loopback_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host)
