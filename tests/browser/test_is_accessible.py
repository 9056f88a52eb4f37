"""axe finds nothing on any page, light or dark, in each state; a phone needs no side-scroll."""

from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.site import Site

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def assert_accessible(page: Page) -> None:
    for scheme in _SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        results = await Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


async def assert_fits_a_phone(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    too_wide: bool = await page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not too_wide, page.url
    await page.set_viewport_size({"width": 1280, "height": 800})


async def test_every_page_in_every_state(site: Site, page: Page) -> None:
    for path in ("/", "/?project=nobody-here-1", "/docs", "/problems", "/problems/not_found", "/x"):
        await page.goto(path)
        await assert_accessible(page)
        await assert_fits_a_phone(page)
    site.complaints = [
        complaint for complaint in site.complaints if "404 (Not Found)" not in complaint
    ]

    running = await site.deploy(resource_seconds=30)
    await page.goto(f"/deployment/{running}")
    await expect(page.locator("#resources")).to_contain_text("running")
    await page.get_by_text("Cancel…").click()
    await assert_accessible(page)
    await assert_fits_a_phone(page)
    await page.get_by_role("button", name="Stop this deployment").click()
    await expect(page.locator("#label")).to_have_text("Cancelled")
    await assert_accessible(page)

    for variables, word in (({"fail": "services-2"}, "Failed"), ({}, "Succeeded")):
        ended = await site.deploy(**variables)
        await page.goto(f"/deployment/{ended}")
        await expect(page.locator("#label")).to_have_text(word)
        await expect(page.locator("#connection")).to_have_text("complete")
        await assert_accessible(page)
        await assert_fits_a_phone(page)
    await page.goto("/")
    await assert_accessible(page)
    await assert_fits_a_phone(page)
