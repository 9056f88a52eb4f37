"""A secret that a template prints in every form is nowhere but in the stack's state."""

import base64
import gzip
import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.api import start_api, until_ready
from tests.support.servers import ROOT, TemporalServer, free_port
from tests.support.service import House
from tests.support.sinks import every_sink, in_firestore, in_redis, until_shipped
from tests.support.stores import Store

PLANTED = 'rosebud7"<wörd>&/planted9'
_HCL = """
resource "terraform_data" "leak" {
  provisioner "local-exec" {
    command     = "exec \\"$PYTHON\\" leak.py"
    environment = { PYTHON = "%s", SECRET = nonsensitive(var.secret) }
  }
}
"""
_PROGRAM = """
import base64, json, os, sys, urllib.parse
secret = os.environ["SECRET"]
raw = secret.encode()
forms = [secret, json.dumps(secret), json.dumps(json.dumps(secret)), raw.hex(), raw.hex().upper(),
         json.dumps(secret, ensure_ascii=False), urllib.parse.quote(secret, safe=""),
         urllib.parse.quote_plus(secret)]
forms += [base64.b64encode(b"-" * n + raw).decode() for n in range(3)]
for form in forms:
    for cut in range(0, len(form), 3):
        sys.stdout.write("printed " + form[:cut]); sys.stdout.flush()
        sys.stdout.write(form[cut:] + " end\\n"); sys.stdout.flush()
"""


def traces() -> list[bytes]:
    """What would give the secret away."""
    raw = PLANTED.encode()
    texts = [raw.hex(), raw.hex().upper(), quote(PLANTED, safe=""), "rosebud7", "planted9"]
    encoded = [base64.b64encode(b"-" * shift + raw).decode()[4:24] for shift in range(3)]
    return [item.encode() for item in (*texts, *encoded)]


def assert_hidden(content: bytes, where: str) -> None:
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    for trace in traces():
        assert trace not in plain, f"{trace!r} in {where}"


@pytest.fixture
async def leaky(
    temporal: TemporalServer, tmp_path: Path, stores: dict[str, Store]
) -> AsyncIterator[House]:
    """A house that ships to every sink, whose sandbox prints its secret."""
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "terraform", templates)
    (templates / "sandbox" / "leak.tf").write_text(_HCL % sys.executable)
    (templates / "sandbox" / "leak.py").write_text(_PROGRAM)
    data = tmp_path / "data"
    data.mkdir()
    ours = {"ANAVA_TERRAFORM__TEMPLATES": str(templates), **every_sink(stores)}
    house = House(await temporal.client(), temporal.address, data, ours)
    yield house
    await house.close()


async def test_it_is_in_no_store_history_answer_page_or_file(
    leaky: House,
    stores: dict[str, Store],
    temporal: TemporalServer,
    tmp_path: Path,
) -> None:
    leaky.worker()
    port = free_port()
    api = start_api(leaky, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        prefix = "p" + uuid.uuid4().hex[:8]
        asked = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "prefix": prefix,
            "variables": {"secret": PLANTED},
        }
        started = await session.post("/api/deploy", json=asked)
        assert started.status_code == 202, started.text
        path = f"/api/deployment/{started.json()['id']}"
        stream = await session.get(f"{path}/logs/stream")
        ended = await session.get(path)
        assert ended.json()["status"] == "completed", ended.text
        assert stream.text.count("(sensitive)") > 50, "it was printed, and hidden"
        pages = ["", "/plan", "/resources", "/progress", "/artifacts", "/logs", "/logs?format=text"]
        for entry in (*pages, "/logs?format=ndjson", f"/../../..{path.removeprefix('/api')}"):
            assert_hidden((await session.get(path + entry)).content, entry)
        for item in (await session.get(f"{path}/artifacts")).json()["items"]:
            answer = await session.get(f"{path}/artifacts/{item['name']}", follow_redirects=True)
            assert_hidden(answer.content, item["name"])
        assert_hidden(stream.content, "the stream")
    await until_shipped(leaky.data)
    api.end()
    for worker in leaky.workers:
        worker.end()
    shipped = [*in_redis(stores["redis"]), *in_firestore(stores["firestore"])]
    assert len(shipped) >= 6, "three steps in each"
    for where, content in shipped:
        assert_hidden(content, where)
    # The state holds every secret by nature, and is never served.
    apart = (leaky.data / "stacks",)
    for file in (*leaky.data.rglob("*"), *(tmp_path / "buckets").rglob("*")):
        if file.is_file() and not any(file.is_relative_to(element) for element in apart):
            assert_hidden(file.read_bytes(), str(file))
    for file in temporal.files():
        assert_hidden(file.read_bytes(), file.name)
