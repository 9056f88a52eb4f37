"""A secret that a template prints in every form is nowhere but in the stack's state."""

import base64
import gzip
import json
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client as Firestore
from redis import Redis

from tests.scenarios.house import House
from tests.scenarios.test_is_followed_live import start_api, until_ready
from tests.servers import ROOT, TemporalServer, eventually, free_port
from tests.stores import BUCKET, Store, firestore, make_bucket, object_store, redis

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
    return [one.encode() for one in (*texts, *encoded)]


def assert_hidden(content: bytes, where: str) -> None:
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    for trace in traces():
        assert trace not in plain, f"{trace!r} in {where}"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[dict[str, Store]]:
    with ExitStack() as stack:
        yield {
            "redis": stack.enter_context(redis()),
            "gcs": stack.enter_context(object_store(tmp_path / "buckets")),
            "firestore": stack.enter_context(firestore()),
        }


@pytest.fixture
async def leaky(
    temporal: TemporalServer, tmp_path: Path, stores: dict[str, Store]
) -> AsyncIterator[House]:
    """A house that ships to every sink, whose sandbox prints its secret."""
    for store in stores.values():
        await store.until_up()
    await make_bucket(stores["gcs"])
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "terraform", templates)
    (templates / "sandbox" / "leak.tf").write_text(_HCL % sys.executable)
    (templates / "sandbox" / "leak.py").write_text(_PROGRAM)
    data = tmp_path / "data"
    data.mkdir()
    settings = {
        "ANAVA_TERRAFORM__TEMPLATES": str(templates),
        "ANAVA_LOG__SINKS": "local,console,redis,gcs,firestore",
        "ANAVA_REDIS__URL": f"redis://{stores['redis'].host}",
        "ANAVA_GCS__BUCKET": BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{stores['gcs'].host}",
        "ANAVA_GOOGLE__PROJECT": "local",
        "FIRESTORE_EMULATOR_HOST": stores["firestore"].host,
    }
    house = House(await temporal.client(), temporal.address, data, settings)
    yield house
    house.end()


async def test_it_is_in_no_store_history_answer_page_or_file(
    leaky: House,
    stores: dict[str, Store],
    temporal: TemporalServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaky.worker()
    port = free_port()
    api = start_api(leaky, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        prefix = "p" + uuid.uuid4().hex[:8]
        asked = {"project_id": "demo-project-1", "prefix": prefix, "variables": {"secret": PLANTED}}
        started = await session.post("/api/deploy", json=asked)
        assert started.status_code == 202, started.text
        path = f"/api/deployment/{started.json()['id']}"
        stream = await session.get(f"{path}/logs/stream")
        ended = await session.get(path)
        assert ended.json()["status"] == "completed", ended.text
        assert stream.text.count("(sensitive)") > 50, "it was printed, and hidden"
        pages = ["", "/plan", "/resources", "/progress", "/artifacts", "/logs", "/logs?format=text"]
        for one in (*pages, "/logs?format=ndjson", f"/../../..{path.removeprefix('/api')}"):
            assert_hidden((await session.get(path + one)).content, one)
        for item in (await session.get(f"{path}/artifacts")).json()["items"]:
            answer = await session.get(f"{path}/artifacts/{item['name']}", follow_redirects=True)
            assert_hidden(answer.content, item["name"])
        assert_hidden(stream.content, "the stream")
    await until_shipped(leaky)
    api.end()
    for worker in leaky.workers:
        worker.end()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stores["firestore"].host)
    shipped = [*in_redis(stores["redis"]), *in_firestore()]
    assert len(shipped) >= 6, "three segments in each"
    for where, content in shipped:
        assert_hidden(content, where)
    # The state and the plan hold every secret by nature; neither is ever served.
    apart = (leaky.data / "stacks", leaky.data / "plans")
    for file in (*leaky.data.rglob("*"), *(tmp_path / "buckets").rglob("*")):
        if file.is_file() and not any(file.is_relative_to(one) for one in apart):
            assert_hidden(file.read_bytes(), str(file))
    for file in temporal.files():
        assert_hidden(file.read_bytes(), file.name)


async def until_shipped(house: House) -> None:
    """Every sink has the seal of every segment."""
    wanted = {"console", "redis", "gcs", "firestore"}

    def shipped() -> bool:
        folders = list(house.data.glob("runs/dep-*/segments/*"))
        return len(folders) == 3 and all(wanted <= sealed(one) for one in folders)

    await eventually(shipped, "the seal in every sink")


def sealed(segment: Path) -> set[str]:
    found = set()
    for cursor in segment.glob("cursors/*.json"):
        if json.loads(cursor.read_text()).get("sealed"):
            found.add(cursor.stem)
    return found


def in_redis(store: Store) -> Iterator[tuple[str, bytes]]:
    client = Redis(port=store.port)
    for key in client.scan_iter():
        entries: Any = client.xrange(key) if client.type(key) == b"stream" else []
        for _, fields in entries:
            for value in fields.values():
                yield f"redis {key!r}", value
        yield f"redis {key!r}", client.dump(key) or b""
    client.close()


def in_firestore() -> Iterator[tuple[str, bytes]]:
    client = Firestore(project="local", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    for collection in client.collections():
        for document in collection.list_documents():
            for inner in document.collections():
                for one in inner.stream():
                    for name, value in one.to_dict().items():
                        content = value if isinstance(value, bytes) else repr(value).encode()
                        yield f"firestore {one.reference.path} {name}", content
    client.close()  # type: ignore[no-untyped-call]  # google-cloud-firestore
