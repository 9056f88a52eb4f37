"""A Redis with a password is opened with the content of the password file."""

from pathlib import Path

import pytest
from redis.exceptions import AuthenticationError

from adapters.redis.log import open_redis
from adapters.store_settings import RedisSettings
from tests.support import stores


async def test_the_content_of_the_file_opens_redis(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("opens-it\n")
    settings = RedisSettings.model_validate({"password_file": path})
    with stores.redis("--requirepass", "opens-it") as server:
        await server.until_up()
        async with open_redis(f"redis://{server.host}") as client:
            with pytest.raises(AuthenticationError):
                await client.get("a")
        async with open_redis(f"redis://{server.host}", password=settings.password) as client:
            assert await client.get("a") is None
