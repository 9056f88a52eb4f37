"""The stand-in as preflight and adoption ask it: a world that a test arranges in a line."""

from typing import Any

from tests.google.answers import Json
from tests.google.provider import StandInProcess
from tests.google.world import PROJECT

__all__ = ["ServedStandIn", "Token"]


class Token:
    """A credential source with one token."""

    def __init__(self, value: str) -> None:
        self.value = value

    async def token(self) -> str:
        return self.value


class ServedStandIn(StandInProcess):
    """With the words of these tests."""

    @property
    def endpoint(self) -> str:
        return self.root

    def asked(self) -> list[Json]:
        """Every call so far, without anything secret."""
        found: list[Json] = self.control("GET", "log")["requests"]
        return found

    def reset(self) -> None:
        self.control("POST", "reset")

    def token(self, permissions: list[str] | None = None) -> str:
        given: dict[str, Any] = {} if permissions is None else {"permissions": permissions}
        return str(self.control("POST", "mint", given)["access_token"])

    def project(self, **changes: object) -> None:
        self.control("POST", "project", {"project_id": PROJECT, **changes})

    def preload(self, *calls: tuple[str, Json], method: str = "POST") -> None:
        listed = [{"method": method, "path": path, "body": body} for path, body in calls]
        self.control("POST", "preload", {"calls": listed})
