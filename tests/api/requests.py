"""Requests to the API as its tests make them."""

import httpx

PROJECT = "customer-1"


async def deploy(api: httpx.AsyncClient, **fields: object) -> str:
    answer = await api.post(
        "/api/deploy", json={"template": "sandbox", "project_id": PROJECT, **fields}
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
