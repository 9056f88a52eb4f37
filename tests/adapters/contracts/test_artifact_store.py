"""What every store of artifacts keeps: whole files, harmless names, links that end."""

import asyncio
import hashlib
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.objects import open_objects
from adapters.gcs.signing import LinkSigner
from adapters.local.artifacts import LocalArtifactStore
from deployments.artifacts import (
    ENCRYPTED_OUTPUTS,
    LINK_SECONDS,
    ArtifactStore,
    content_type,
    disposition,
    is_name,
)
from deployments.errors import LinkExpired, LinkRefused, NotFound, Unavailable
from tests.support import stores
from tests.support.servers import eventually

DEPLOYMENT = "dep-contractcontractcontractco"
OTHER = "dep-contrastcontrastcontrastco"

HOSTILE = [
    "",
    ".",
    "..",
    "../plan.json",
    "..%2fplan.json",
    "/etc/passwd",
    "a/b.json",
    "a\\b.json",
    ".hidden.json",
    'a".json',
    "a'.json",
    "a\r\nX-Evil: 1.json",
    "plan.json\n",
    "plan.json\0",
    "plan .json",
    "plän.json",
    "\ud800.json",
    "x" * 10_000,
    "plan.tfplan",
    "terraform.tfstate",
    "errored.TFSTATE",
    "terraform.tfvars",
    "terraform.tfstate.backup",
]


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["local", "gcs"])
async def store(
    request: pytest.FixtureRequest, servers: dict[str, stores.Store], tmp_path: Path
) -> ArtifactStore:
    if request.param == "local":
        return LocalArtifactStore(tmp_path)
    server = servers["gcs"]
    await server.until_up()
    bucket = f"artifacts-{uuid.uuid4().hex}"
    await stores.make_bucket(server, bucket)
    return GcsArtifactStore(open_objects(bucket, f"http://{server.host}", None), LinkSigner())


async def read(store: ArtifactStore, name: str, deployment: str = DEPLOYMENT) -> bytes:
    content = await store.open(deployment, name)
    data = b"".join([chunk async for chunk in content.chunks])
    assert len(data) == content.size_bytes
    return data


async def test_what_is_put_is_listed_by_name_with_its_hash(store: ArtifactStore) -> None:
    put = await store.put(DEPLOYMENT, "plan.json", [b"{", b"}"])
    await store.put(DEPLOYMENT, "log.jsonl.gz", [b"x" * 700_000])
    found = await store.entries(DEPLOYMENT)
    assert [item.name for item in found] == ["log.jsonl.gz", "plan.json"]
    assert found[1] == put
    assert (put.size_bytes, put.content_type) == (2, "application/json")
    assert put.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert put.created_at.endswith("Z")
    assert await read(store, "log.jsonl.gz") == b"x" * 700_000


async def test_a_second_put_replaces_the_first_and_its_hash(store: ArtifactStore) -> None:
    await store.put(DEPLOYMENT, "log.txt", [b"first"])
    await store.entries(DEPLOYMENT)
    await store.put(DEPLOYMENT, "log.txt", [b"other"])
    (found,) = await store.entries(DEPLOYMENT)
    assert found.sha256 == hashlib.sha256(b"other").hexdigest()
    assert await read(store, "log.txt") == b"other"


async def test_what_is_sealed_can_be_opened_and_is_in_no_list_and_behind_no_link(
    store: ArtifactStore,
) -> None:
    await store.put(DEPLOYMENT, ENCRYPTED_OUTPUTS, [b"v1.abc"])
    assert await read(store, ENCRYPTED_OUTPUTS) == b"v1.abc"
    assert await store.entries(DEPLOYMENT) == []
    with pytest.raises(NotFound):
        await store.link(DEPLOYMENT, ENCRYPTED_OUTPUTS)


async def test_artifacts_of_one_deployment_are_not_anothers(store: ArtifactStore) -> None:
    await store.put(DEPLOYMENT, "log.txt", [b"mine"])
    assert await store.entries(OTHER) == []
    with pytest.raises(NotFound):
        await store.open(OTHER, "log.txt")
    with pytest.raises(NotFound):
        await store.link(OTHER, "log.txt")


async def test_a_put_that_breaks_off_leaves_the_old_one_and_nothing_else(
    store: ArtifactStore,
) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    await store.put(DEPLOYMENT, "log.txt", [b"whole"])
    with pytest.raises(Unavailable):
        await store.put(DEPLOYMENT, "log.txt", breaking())
    with pytest.raises(Unavailable):
        await store.put(DEPLOYMENT, "plan.txt", breaking())
    assert [entry.name for entry in await store.entries(DEPLOYMENT)] == ["log.txt"]
    assert await read(store, "log.txt") == b"whole"


async def test_an_artifact_is_not_seen_before_it_is_whole(store: ArtifactStore) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"first "
        begun.set()
        assert go.wait(30)
        yield b"last"

    putting = asyncio.create_task(store.put(DEPLOYMENT, "log.txt", slow()))
    try:
        await eventually(begun.is_set, "the first half")
        assert await store.entries(DEPLOYMENT) == []
    finally:
        go.set()
    await putting
    assert await read(store, "log.txt") == b"first last"


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_name_is_neither_kept_nor_found(store: ArtifactStore, name: str) -> None:
    await store.put(DEPLOYMENT, "plan.json", [b"{}"])
    with pytest.raises(ValueError, match="not a valid artifact name"):
        await store.put(DEPLOYMENT, name, [b"x"])
    with pytest.raises(ValueError, match="not a valid artifact name"):
        await store.put(name, "plan.json", [b"x"])
    for deployment, wanted in ((DEPLOYMENT, name), (name, "plan.json")):
        with pytest.raises(NotFound):
            await store.open(deployment, wanted)
        with pytest.raises(NotFound):
            await store.link(deployment, wanted)
    assert await store.entries(name) == []


def test_a_page_is_only_bytes_and_every_name_can_stand_in_a_header() -> None:
    assert is_name("index.html")
    assert content_type("index.html") == "application/octet-stream"
    header = disposition('a"\r\nX: é.html')
    assert header == "attachment; filename*=UTF-8''a%22%0D%0AX%3A%20%C3%A9.html"


def parts(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["expires"][0], query["signature"][0]


async def test_a_local_link_holds_for_five_minutes_and_for_one_file(tmp_path: Path) -> None:
    clock = Clock()
    store = LocalArtifactStore(tmp_path, clock)
    for deployment in (DEPLOYMENT, OTHER):
        for name in ("plan.json", "log.txt"):
            await store.put(deployment, name, [b"x"])
    expires, signature = parts(await store.link(DEPLOYMENT, "plan.json"))
    store.admit(DEPLOYMENT, "plan.json", expires, signature)
    for forged in (
        (OTHER, "plan.json", expires, signature),
        (DEPLOYMENT, "log.txt", expires, signature),
        (DEPLOYMENT, "plan.json", str(int(expires) + 1), signature),
        (DEPLOYMENT, "plan.json", expires + " ", signature),
        (DEPLOYMENT, "plan.json", "", ""),
        (DEPLOYMENT, "plan.json", expires, "ä\ud800"),
        (DEPLOYMENT, "plan.json", expires, signature[:-1]),
    ):
        with pytest.raises(LinkRefused) as refused:
            store.admit(*forged)
        assert not isinstance(refused.value, LinkExpired)
    clock.now += LINK_SECONDS - 1
    store.admit(DEPLOYMENT, "plan.json", expires, signature)
    clock.now += 1
    with pytest.raises(LinkExpired):
        store.admit(DEPLOYMENT, "plan.json", expires, signature)


async def test_every_process_of_a_data_folder_takes_the_links_of_the_others(tmp_path: Path) -> None:
    stores = [LocalArtifactStore(tmp_path) for _ in range(8)]
    await stores[0].put(DEPLOYMENT, "plan.json", [b"{}"])
    links = await asyncio.gather(*(item.link(DEPLOYMENT, "plan.json") for item in stores))
    for link in links:
        for store in stores:
            store.admit(DEPLOYMENT, "plan.json", *parts(link))
    assert (tmp_path / "download.key").stat().st_mode & 0o777 == 0o600
    stranger = LocalArtifactStore(tmp_path / "elsewhere")
    with pytest.raises(LinkRefused):
        stranger.admit(DEPLOYMENT, "plan.json", *parts(links[0]))


async def test_a_link_of_the_file_system_leads_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    store = LocalArtifactStore(tmp_path)
    await store.put(DEPLOYMENT, "plan.json", [b"{}"])
    (tmp_path / "artifacts" / DEPLOYMENT / "log.txt").symlink_to(secret)
    assert [entry.name for entry in await store.entries(DEPLOYMENT)] == ["plan.json"]
    with pytest.raises(NotFound):
        await store.open(DEPLOYMENT, "log.txt")


async def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / DEPLOYMENT
    folder.mkdir(parents=True)
    (folder / ".log.txt.0123456789ab").write_text("half")
    store = LocalArtifactStore(tmp_path)
    assert await store.entries(DEPLOYMENT) == []
    await store.put(DEPLOYMENT, "log.txt", [b"whole"])
    assert [path.name for path in folder.iterdir()] == ["log.txt"]
