"""An object store with a proxy in front."""

from dataclasses import dataclass

from tests.support import stores


@dataclass(frozen=True)
class Fronted:
    """An object store whose own links lead to the port where a proxy is to stand."""

    server: stores.Store
    port: int
