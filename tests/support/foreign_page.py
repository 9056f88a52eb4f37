"""A page of another site in Chromium: what it reads and sends, also under a rebound name.

`python -m tests.support.foreign_page URL…` prints the outcome as JSON; compose runs it where the
engine's ports are. PLAYWRIGHT_NODEJS_PATH names a Node where Playwright's own does not start.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from tests.support.programs import chromium

__all__ = ["Outcome", "visit"]

_SITE = "evil.example"
_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\nhi"
# What any page may send without a preflight request; the answer is read where CORS allows it.
_SEND = """async ([url, body]) => {
  const limit = () => ({signal: AbortSignal.timeout(3000)});
  const headers = {"Content-Type": "text/plain"};
  try { await fetch(url, {method: "POST", mode: "no-cors", headers, body, ...limit()}); } catch {}
  const read = [];
  for (const credentials of ["omit", "include"]) {
    try { read.push(await (await fetch(url, {credentials, ...limit()})).text()); } catch {}
  }
  return read;
}"""


@dataclass
class Outcome:
    """Of each URL: the answers that the page read, and status and text under its own name."""

    read: dict[str, list[str]] = field(default_factory=dict)
    rebound: dict[str, tuple[int, str] | None] = field(default_factory=dict)


async def visit(urls: Sequence[str], body: str = "{}") -> Outcome:
    """Have a page of another site send `body` to each URL, and read it in both ways.

    The name of the site has the address of the URL's server from the first request on, which is
    where DNS rebinding ends.
    """
    program = chromium()
    assert program is not None, "Chromium is missing: make setup-tests"
    hosts = sorted({urlsplit(url).hostname or "" for url in urls})
    names = {host: f"n{number}.{_SITE}" for number, host in enumerate(hosts)}
    rules = [f"MAP {name} {host}" for host, name in names.items()] + [f"MAP {_SITE} 127.0.0.1"]
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    site = f"http://{_SITE}:{server.sockets[0].getsockname()[1]}/"
    outcome = Outcome()
    async with server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            # Root in a container has no user namespaces for the sandbox. The browser's own checks
            # of requests to a private network are off: not every browser has them.
            args=[
                *("--no-sandbox", "--disable-dev-shm-usage"),
                f"--host-resolver-rules={', '.join(rules)}",
                "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
            ],
        )
        page = await browser.new_page()
        await page.goto(site)
        for url in urls:
            outcome.read[url] = await page.evaluate(_SEND, [url, body])
        for url in urls:
            parts = urlsplit(url)
            name = names[parts.hostname or ""]
            outcome.rebound[url] = await _rebound(
                browser, f"http://{name}:{parts.port}", parts.path
            )
        await browser.close()
    return outcome


async def _rebound(browser: Browser, origin: str, path: str) -> tuple[int, str] | None:
    """Status and text of the path for a page of this origin; None where no page loads."""
    # A page of its own: one that failed to load still interrupts what the same page loads next.
    page = await browser.new_page()
    try:
        answer = await page.goto(origin + (path or "/"), timeout=5000)
        return None if answer is None else (answer.status, await answer.text())
    except PlaywrightError:
        return None
    finally:
        await page.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_PAGE)
    await writer.drain()
    writer.close()


if __name__ == "__main__":
    json.dump(asdict(asyncio.run(visit(sys.argv[1:]))), sys.stdout)
