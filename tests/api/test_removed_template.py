"""A template that an operator has removed is refused like an unknown template."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import build
from api.dependencies import Services
from tests.api.serving import in_process


@pytest.fixture
async def production(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = build(replace(services, templates=frozenset({"anava"})))
    async with in_process(app) as session:
        yield session


def refusal(answer: httpx.Response, name: str) -> dict[str, object]:
    """The problem without the request's id and the name that the request gave."""
    problem: dict[str, object] = answer.json()
    assert name not in str({**problem, "request_id": ""})
    return {**problem, "request_id": ""}


@pytest.mark.parametrize("path", ["/api/deploy", "/api/validate-project"])
@pytest.mark.parametrize("variables", [{}, {"lines": -1}, {"nothing": 1}])
async def test_a_removed_template_is_refused_like_an_unknown_one(
    production: httpx.AsyncClient, path: str, variables: dict[str, object]
) -> None:
    answers = []
    for name in ("sandbox", "nowhere"):
        body: dict[str, object] = {"template": name, "project_id": "customer-1"}
        if path == "/api/deploy":
            body["variables"] = variables
        answer = await production.post(path, json=body)
        assert answer.status_code == 422
        answers.append(refusal(answer, name))
    assert answers[0] == answers[1]
    assert answers[0]["errors"] == [
        {"pointer": "/template", "code": "unknown", "message": "template must be one of: anava."}
    ]
