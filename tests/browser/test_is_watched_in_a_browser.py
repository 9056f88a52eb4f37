"""A deployment followed in a browser: whole, once, whatever becomes of the API; stopped by hand."""

import re

from playwright.async_api import Page, expect

from tests.browser.site import Site, shown_ids, stored_ids
from tests.support.servers import eventually

PLANTED = "hunter2-hunter2"


async def test_it_is_followed_from_start_to_end_over_a_killed_api(site: Site, page: Page) -> None:
    id = await site.deploy(resource_seconds=2, lines=200, secret=PLANTED)
    bodies: list[str] = []

    await page.goto("/")
    await page.get_by_role("link", name="demo-project-1").first.click()
    await expect(page.locator("#connection")).to_have_text("live")
    await expect(page.locator("#log")).to_contain_text("Creating...")
    await expect(page.locator("#resources tr[data-since]").first).to_contain_text(
        re.compile(r"[1-9] s")
    )
    await site.restart()
    await expect(page.locator("#label")).to_have_text("Succeeded")
    await expect(page.locator("#connection")).to_have_text("complete")

    assert await shown_ids(page) == stored_ids(site, id)
    await page.locator("#request-title").scroll_into_view_if_needed()
    await expect(page.locator("#log .line").last).to_be_in_viewport()
    await expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#tally")).to_have_text("12 of 12")
    await expect(page.locator(".outputs")).to_contain_text("sensitive, not shown")
    await expect(page.locator("#outcome")).to_contain_text("plan.json")
    assert (await page.title()).startswith("Succeeded · demo-project-1/")
    assert await page.locator("details.cancel").count() == 0
    bodies.append(await page.content())
    assert PLANTED not in "".join(bodies)


async def test_it_is_stopped_by_the_button(site: Site, page: Page) -> None:
    id = await site.deploy(resource_seconds=30)
    await page.goto(f"/deployment/{id}")
    await expect(page.locator("#label")).to_have_text("Applying")
    await expect(page.locator("#resources")).to_contain_text("running")

    await page.get_by_text("Cancel…").click()
    await page.get_by_role("button", name="Stop this deployment").click()

    await expect(page.locator("#label")).to_have_text("Cancelled")
    seen = (await site.session.get(f"/api/deployment/{id}")).json()
    assert (seen["status"], seen["result"]["cancel"]["by"]) == ("cancelled", "local")
    await expect(page.locator("#connection")).to_have_text("complete")
    assert await shown_ids(page) == stored_ids(site, id)


async def test_the_list_shows_what_comes(site: Site, page: Page) -> None:
    await page.goto("/?project=another-project-1")
    await expect(page.locator("#rows")).to_contain_text("Nothing matches")
    await site.session.post(
        "/api/deploy", json={"template": "sandbox", "project_id": "another-project-1"}
    )
    await expect(page.locator("#rows .badge")).to_have_text("Succeeded")


async def test_a_failure_says_what_and_where(site: Site, page: Page) -> None:
    id = await site.deploy(fail="services-2")
    await page.goto(f"/deployment/{id}")
    await expect(page.locator("#label")).to_have_text("Failed")
    await expect(page.locator(".error-item.blocking").first).to_contain_text(".tf:")
    await expect(page.locator("#outcome")).to_contain_text("Not done")
    await expect(page.locator("#outcome")).to_contain_text("7 of 12 planned changes were made")


async def test_without_javascript_it_can_be_read_and_stopped(site: Site, page: Page) -> None:
    id = await site.deploy(resource_seconds=30)
    assert page.context.browser is not None
    context = await page.context.browser.new_context(base_url=site.url, java_script_enabled=False)
    plain = await context.new_page()

    async def applying() -> bool:
        await plain.goto(f"/deployment/{id}")
        return "Applying" in await plain.content()

    await eventually(applying, "the apply")
    await plain.get_by_text("Cancel…").click()
    await plain.get_by_role("button", name="Stop this deployment").click()
    await expect(plain.locator("#label")).to_contain_text("Cancel")
    await context.close()
