"""A stand-in inside the test: no process, the same application."""

from collections.abc import AsyncIterator

import httpx
import pytest

from google_stand_in.app import StandIn
from tests.google_stand_in.caller import APIS, Google


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    """Every API is on, the caller may do everything."""
    transport = httpx.ASGITransport(app=StandIn(), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        google = Google(client)
        google.token = str((await google.control("POST", "mint"))["access_token"])
        await google.project(enabled=[f"{api}.googleapis.com" for api in APIS])
        yield google
