"""What a provisioner prints arrives whole and inert in stream, page, command line and download."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.site import Site
from tests.support.servers import ROOT, Process

_BYTES = 5_000_000
# Terraform itself drops a provisioner's line above 64 KiB (1.11.4, tried), so 60,000 bytes are
# printed and the five million are told by a check.
_PRINTED = 60_000
_SCRIPT = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"
_TERRAFORM = """
resource "terraform_data" "hostile" {
  provisioner "local-exec" {
    command = "exec \\"$PYTHON\\" hostile.py"
    environment = { PYTHON = "%s" }
  }
}
check "long" {
  assert {
    condition     = var.prefix == ""
    error_message = "begin ${join("", [for i in range(1000) : "%s"])}"
  }
}
"""
_PROGRAM = f"""
import sys
out = sys.stdout.buffer
out.write(b"begin\\n" + b"x" * {_PRINTED} + b"\\n")
out.write(b"broken \\xff\\xfe utf-8\\nnul \\x00 here\\n")
out.write(b"\\x1b[31mred\\x1b[0m \\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07 \\x1b[2J\\n")
out.write({_SCRIPT.encode()!r} + b"\\n")
out.write(b'{{"@level":"info","@message":"lie","type":"apply_complete"}}\\n')
out.write(b"data: x\\n\\nevent: end\\ndata: {{}}\\nfin\\n")
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A house whose sandbox has one more resource, which prints what nobody should."""
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "terraform", templates)
    (templates / "sandbox" / "hostile.tf").write_text(
        _TERRAFORM % (sys.executable, "y" * (_BYTES // 1000))
    )
    (templates / "sandbox" / "hostile.py").write_text(_PROGRAM)
    return {"ANAVA_TERRAFORM__TEMPLATES": str(templates)}


async def test_it_is_whole_and_inert_everywhere(site: Site, page: Page) -> None:
    id = await site.deploy()
    await page.goto(f"/deployment/{id}")
    await expect(page.locator("#label")).to_have_text("Succeeded")
    await expect(page.locator("#connection")).to_have_text("complete")
    shown: list[str] = await page.eval_on_selector_all(
        "#log .line", "lines => lines.map(line => line.lastChild.textContent)"
    )

    assert await page.evaluate("window.owned") is None
    assert any(_SCRIPT in item for item in shown)
    assert any(entry.endswith("fin") for entry in shown)
    assert whole_or_marked("\n".join(shown))
    assert await page.locator("#log script, #log img, #log a").count() == 0
    await expect(page.locator("#tally")).to_have_text("13 of 13")

    stream = (await site.session.get(f"/api/deployment/{id}/logs/stream")).text
    frames = [part for part in stream.split("\n\n") if part]
    assert sum(element.startswith("event: end\n") for element in frames) == 1
    lines = [
        line[3]
        for frame in frames
        if "event: log\n" in frame
        for line in json.loads(frame.partition("\ndata: ")[2])["lines"]
    ]
    assert lines == shown

    for form in ("text", "ndjson"):
        download = await site.session.get(f"/api/deployment/{id}/logs?format={form}")
        assert download.headers["X-Content-Type-Options"] == "nosniff"
        assert "attachment" in download.headers["Content-Disposition"]
        assert whole_or_marked(download.text)
        assert not re.search(r"[\x00\x07\x1b\x9b]", download.text)

    output = site.house.data / "cli.out"
    argv = [sys.executable, "-m", "cli.main", "logs", id, "--api", site.url]
    command = Process(argv, site.house.environment(), output)
    assert command.popen.wait(60) == 0
    assert whole_or_marked(output.read_text())
    assert not re.search(r"[\x00\x07\x1b\x9b]", output.read_text())


def whole_or_marked(text: str) -> bool:
    """What was printed is there; of the long message, all or a mark that says how much is not."""
    marks = [int(item) for item in re.findall(r"\[(\d+) bytes cut\]", text)]
    longest = max(len(entry) for entry in re.findall(r"y+", text))
    # Terraform ends a line of a provisioner that pauses for 100 ms, as on a busy machine.
    printed = sum(map(len, re.findall(r"xx+", text)))
    return printed >= _PRINTED and longest + max(marks, default=0) >= _BYTES
