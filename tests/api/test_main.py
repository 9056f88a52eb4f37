import asyncio
from pathlib import Path

import pytest

from adapters.settings import ApiSettings, Settings
from api.main import create_app
from api.middleware.request_guard import is_loopback
from api.server import check_host
from api.services.placement import Placement
from deployments.errors import InvalidSettings, NotFound
from tests.support.ids import deployment_id


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])  # noqa: S104
async def test_without_sign_in_only_loopback_is_served(host: str) -> None:
    with pytest.raises(InvalidSettings, match="loopback"):
        await create_app(Settings(api=ApiSettings(host=host)), asyncio.Event())


def test_a_container_that_is_published_on_loopback_listens_on_all_interfaces() -> None:
    check_host("0.0.0.0", published_on_loopback=True)  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9"])
def test_loopback_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host)


async def test_only_a_folder_of_a_deployment_is_the_place_of_its_data(
    temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any id was joined to the run root, and a link counted as the folder."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    app = await create_app(Settings(data_dir=tmp_path), asyncio.Event())
    placement: Placement = app.state.services.placement
    here, there, link = map(deployment_id, ("here", "there", "link"))
    for root, has_folder in (
        (tmp_path / "runs", placement.is_here),
        (tmp_path / "artifacts", placement.has_artifacts),
    ):
        (root / here).mkdir(parents=True)
        (root / link).symlink_to(root / here)
        assert (has_folder(here), has_folder(there)) == (True, False)
        for hostile in ("", "..", "../runs", str(root / here), link):
            with pytest.raises(NotFound):
                has_folder(hostile)
