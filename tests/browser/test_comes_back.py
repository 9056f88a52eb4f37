"""The page says where the log comes from, and comes back by itself, also when all was seen."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.site import Site, shown_ids, stored_ids
from tests.support import stores
from tests.support.servers import eventually


@pytest.fixture
def redis() -> Iterator[stores.Store]:
    with stores.redis() as store:
        yield store


@pytest.fixture
def settings(redis: stores.Store) -> dict[str, str]:
    return {
        "ANAVA_LOG__SINKS": "local,redis",
        "ANAVA_LOG__SOURCES": "redis,local",
        "ANAVA_REDIS__URL": f"redis://{redis.host}",
    }


async def test_it_says_where_the_log_is_read_from_when_redis_dies(
    site: Site, page: Page, redis: stores.Store
) -> None:
    id = await site.deploy(resource_seconds=4, lines=50)
    await page.goto(f"/deployment/{id}")
    await expect(page.locator("#log")).to_contain_text("Creating...")
    await expect(page.locator("#connection")).to_have_text("live")
    redis.kill()
    await expect(page.locator("#connection")).to_have_text("live, reading from this machine")
    await expect(page.locator("#label")).to_have_text("Succeeded")
    await expect(page.locator("#connection")).to_have_text("complete")
    assert await shown_ids(page) == stored_ids(site, id)


async def test_one_that_lost_only_the_end_says_complete(site: Site, page: Page) -> None:
    """A stream with nothing left is answered 204, which a browser takes for a failure."""
    id = await site.deploy(resource_seconds=0)

    async def ended() -> bool:
        seen = (await site.session.get(f"/api/deployment/{id}")).json()
        return bool(seen["status"] == "completed")

    await eventually(ended, "the end", 60)
    cut: list[str] = []

    async def without_end(route: Route) -> None:
        if cut:
            await route.continue_()
            return
        answer = await route.fetch()
        whole = await answer.text()
        cut.append(whole.partition("event: end")[0])
        await route.fulfill(response=answer, body=cut[0])

    await page.route("**/logs/stream*", without_end)
    await page.goto(f"/deployment/{id}")
    await expect(page.locator("#connection")).to_have_text("complete", timeout=15_000)
    assert await shown_ids(page) == stored_ids(site, id)
