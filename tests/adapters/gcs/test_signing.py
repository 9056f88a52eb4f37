"""Download links of Cloud Storage: the signature is real, for one object, one method, five minutes.

What Google checks is checked here from the specification, not by Google's library:
https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import compute_engine

from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.objects import open_objects
from adapters.gcs.signing import IamSigning, LinkSigner
from deployments.artifacts import LINK_SECONDS
from deployments.errors import Unavailable
from tests.support import stores
from tests.support.gcs_key import EMAIL
from tests.support.gcs_key import key as key
from tests.support.gcs_key import key_file as key_file

DEPLOYMENT = "dep-linked"
CONTENT = b"<script>alert(1)</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("objects")) as found:
        yield found


@pytest.fixture
async def store(server: stores.Store) -> GcsArtifactStore:
    await server.until_up()
    await stores.make_bucket(server)
    objects = open_objects(stores.BUCKET, f"http://{server.host}", None)
    return await filled(GcsArtifactStore(objects, LinkSigner()))


async def filled(store: GcsArtifactStore) -> GcsArtifactStore:
    for name in ("plan.json", "index.html"):
        await store.put(DEPLOYMENT, name, [CONTENT])
    return store


def verify(key: rsa.RSAPrivateKey, method: str, url: str) -> dict[str, str]:
    """As Google does it; the query without its signature.

    Raises:
        InvalidSignature: it was not made for this method and this address.
    """
    split = urlsplit(url)
    query = dict(parse_qsl(split.query, keep_blank_values=True, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    canonical_query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(query.items())
    )
    assert query["X-Goog-SignedHeaders"] == "host"
    request = "\n".join(
        (
            method,
            split.path,
            canonical_query,
            f"host:{split.netloc}",
            "",
            "host",
            "UNSIGNED-PAYLOAD",
        )
    )
    email, _, scope = query["X-Goog-Credential"].partition("/")
    assert email == EMAIL
    assert query["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join((query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, digest))
    key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return query


async def test_a_link_is_signed_for_one_object_one_method_and_five_minutes(
    store: GcsArtifactStore, key: rsa.RSAPrivateKey, key_file: Path
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    url = await store.link(DEPLOYMENT, "plan.json")
    query = verify(key, "GET", url)
    assert urlsplit(url).path == f"/{stores.BUCKET}/artifacts/{DEPLOYMENT}/plan.json"
    assert query["X-Goog-Expires"] == str(LINK_SECONDS) == "300"
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= signed_at <= before + timedelta(seconds=60)
    for method in ("PUT", "DELETE", "HEAD", "POST"):
        with pytest.raises(InvalidSignature):
            verify(key, method, url)
    for changed in (
        url.replace("plan.json", "index.html", 1),
        url.replace(DEPLOYMENT, "dep-other", 1),
        url.replace("X-Goog-Expires=300", "X-Goog-Expires=301"),
        url.replace(query["X-Goog-Date"], "20360101T000000Z"),
        url.replace("attachment", "inline"),
        url.replace("application%2Fjson", "text%2Fhtml"),
        url + "&generation=1",
    ):
        assert changed != url
        with pytest.raises(InvalidSignature):
            verify(key, "GET", changed)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InvalidSignature):
        verify(stranger, "GET", url)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("plan.json", "application/json"), ("index.html", "application/octet-stream")],
)
async def test_a_link_gives_a_download_that_no_browser_shows(
    store: GcsArtifactStore, key: rsa.RSAPrivateKey, key_file: Path, name: str, kind: str
) -> None:
    url = await store.link(DEPLOYMENT, name)
    query = verify(key, "GET", url)
    assert query["response-content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert query["response-content-type"] == kind
    async with httpx.AsyncClient(trust_env=False) as session:
        answer = await session.get(url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == kind


class Iam(BaseHTTPRequestHandler):
    """Stands in for IAM: it signs for whoever has the token."""

    key: rsa.RSAPrivateKey
    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers["Authorization"] == "Bearer a-token"
        message = base64.b64decode(body["payload"])
        signature = self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        answer = {"signedBlob": base64.b64encode(signature).decode()} if known else {}
        content = json.dumps(answer).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def iam(key: rsa.RSAPrivateKey) -> Iterator[str]:
    Iam.key, Iam.asked = key, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Iam)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def of_a_machine(token: str) -> compute_engine.Credentials:
    """What a machine of Google's has: a token and no key."""
    found = compute_engine.Credentials(  # type: ignore[no-untyped-call] # not annotated
        service_account_email=EMAIL, universe_domain="googleapis.com"
    )
    found.token = token
    # The library compares with a time that has no zone.
    found.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    return found


class MachineSigner(LinkSigner):
    """The identity of a machine, with its IAM at another address."""

    def __init__(self, token: str, iam: str) -> None:
        self._signing = IamSigning(of_a_machine(token), iam)

    @property
    def credentials(self) -> IamSigning:
        return self._signing


async def test_without_a_key_file_iam_signs(
    server: stores.Store, key: rsa.RSAPrivateKey, iam: str
) -> None:
    await server.until_up()
    await stores.make_bucket(server)
    objects = open_objects(stores.BUCKET, f"http://{server.host}", None)
    store = await filled(GcsArtifactStore(objects, MachineSigner("a-token", iam)))
    verify(key, "GET", await store.link(DEPLOYMENT, "plan.json"))
    assert Iam.asked == [f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob"]
    refused = GcsArtifactStore(objects, MachineSigner("another", iam))
    with pytest.raises(Unavailable, match="IAM refused to sign: 403"):
        await refused.link(DEPLOYMENT, "plan.json")


@pytest.fixture(params=["", "{}", '{"type": "service_account"}', "\0"])
def broken(request: pytest.FixtureRequest, key_file: Path) -> None:
    key_file.write_text(request.param)


async def test_a_broken_key_file_is_unavailable(store: GcsArtifactStore, broken: None) -> None:
    with pytest.raises(Unavailable):
        await store.link(DEPLOYMENT, "plan.json")
