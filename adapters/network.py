"""Outgoing HTTPS: the proxy and the certificate authorities of a site."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from adapters.setting_group import SettingGroup

__all__ = ["PROXY_VARIABLES", "NetworkSettings", "Server", "split_commas"]

# Scheme, host and port only: user info or a query may hold a secret, and these addresses are in
# plans and in the environment of terraform.
Server = Annotated[
    str, Field(pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$")
]
# Of requests and urllib, of gRPC, and of Go: both cases, since some read one only.
PROXY_VARIABLES = (
    *("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"),
    *("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
)
# Of OpenSSL and Go; of requests; of gRPC.
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")


def split_commas(value: object) -> object:
    """The parts of a comma-separated text; any other value as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class NetworkSettings(SettingGroup):
    """Outgoing HTTPS of a site with a proxy or with its own certificate authority.

    `https_proxy` is the proxy of every HTTPS connection of API, worker and terraform; `no_proxy`
    are hosts that are reached directly, comma-separated, as the variable NO_PROXY lists them.
    `ca_file` has the trusted authorities in PEM, instead of the public authorities. The variables
    HTTPS_PROXY and NO_PROXY of the environment are ignored.
    """

    https_proxy: Server | None = None
    no_proxy: Annotated[tuple[str, ...], NoDecode] = ()
    ca_file: Path | None = None

    @field_validator("no_proxy", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("ca_file")
    @classmethod
    def _loads(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            ssl.create_default_context(cafile=value)
        except OSError as error:
            raise ValueError(
                f"{value} has no certificate in PEM: {error.strerror or error}"
            ) from None
        return value.resolve()

    def environment(self) -> dict[str, str]:
        """The settings as the variables of OpenSSL, Go, requests and gRPC."""
        variables: dict[str, str] = {}
        if self.https_proxy is not None:
            # Loopback is never behind a proxy: the runner's metadata endpoint, a stand-in.
            direct = ",".join(("localhost", "127.0.0.1", "::1", *self.no_proxy))
            # gRPC reads the names in lower case only.
            variables |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), self.https_proxy)
            variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), direct)
        if self.ca_file is not None:
            variables |= dict.fromkeys(_CA_VARIABLES, str(self.ca_file))
        return variables
