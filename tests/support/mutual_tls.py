"""A Temporal that demands client certificates: a TLS gRPC proxy in front of a dev server.

The dev server has no option for TLS (`temporal server start-dev --help`, 1.9.1).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.support.certificates import Certificate
from tests.support.grpc_proxy import grpc_proxy

__all__ = ["MutualTls", "mutual_tls"]

CERTIFICATE = "TEMPORAL_TLS_CLIENT_CERT_PATH"
KEY = "TEMPORAL_TLS_CLIENT_KEY_PATH"
AUTHORITY = "TEMPORAL_TLS_SERVER_CA_CERT_PATH"


@dataclass(frozen=True)
class MutualTls:
    """`settings` are those of a client whose certificate the server accepts."""

    folder: Path
    authority: Certificate
    settings: dict[str, str]

    @property
    def address(self) -> str:
        return self.settings["TEMPORAL_ADDRESS"]

    @property
    def without_certificate(self) -> dict[str, str]:
        return {
            name: value for name, value in self.settings.items() if name not in {CERTIFICATE, KEY}
        }

    def of(self, client: Certificate) -> dict[str, str]:
        """The settings of a client with another certificate."""
        return {**self.settings, CERTIFICATE: str(client.path), KEY: str(client.key_path)}


@asynccontextmanager
async def mutual_tls(
    target: str, folder: Path, *, server_days: float = 1
) -> AsyncIterator[MutualTls]:
    """In front of `host:port`; certificate of the server valid for `server_days` from now."""
    authority = Certificate.authority(folder, "authority")
    server = authority.issue(folder, "server", days=server_days)
    client = authority.issue(folder, "client")
    credentials = grpc.ssl_server_credentials(
        [(server.key_path.read_bytes(), server.path.read_bytes())],
        authority.path.read_bytes(),
        require_client_auth=True,
    )
    async with grpc_proxy(target, credentials) as proxy:
        settings = {
            "TEMPORAL_ADDRESS": proxy.host,
            "TEMPORAL_TLS": "true",
            AUTHORITY: str(authority.path),
        }
        yield MutualTls(
            folder,
            authority,
            {**settings, CERTIFICATE: str(client.path), KEY: str(client.key_path)},
        )
