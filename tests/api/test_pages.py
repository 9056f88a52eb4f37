"""Pages without JavaScript: what they show, what they refuse, what nobody can put into them."""

import re
import secrets

import httpx
import pytest

from api.pages.rendering import error_page
from api.problems import KINDS
from tests.api.requests import deploy

HTML = {"Accept": "text/html,application/xhtml+xml"}


async def test_a_deployment_is_shown_and_cancelled_without_javascript(
    api: httpx.AsyncClient,
) -> None:
    prefix = "p" + secrets.token_hex(4)
    id = await deploy(api, prefix=prefix)

    shown = await api.get(f"/deployment/{id}", headers=HTML)
    assert shown.status_code == 200
    assert f'<form method="post" action="/deployment/{id}/cancel">' in shown.text
    assert "Queued" in shown.text

    answer = await api.post(f"/deployment/{id}/cancel", headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/deployment/{id}")
    assert "Cancelling" in (await api.get(f"/deployment/{id}", headers=HTML)).text
    assert (await api.post(f"/deployment/{id}/cancel", headers=HTML)).status_code == 303


async def test_another_site_cannot_press_the_button(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        f"/deployment/dep-{'a' * 26}/cancel", headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/docs", "/problems", "/problems/not_found", "/nowhere"])
async def test_every_page_forbids_what_is_not_its_own(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path, headers=HTML)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"<script(?![^>]* src=\"/static/)|\sstyle=|\son[a-z]+=", answer.text)
    assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)


def test_what_others_wrote_stays_text() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    problem = {
        "title": hostile,
        "status": 500,
        "detail": hostile,
        "errors": [{"pointer": hostile, "message": hostile}],
        "next_step": hostile,
        "type": '"><script>',
        "request_id": hostile,
    }
    shown = bytes(error_page(problem).body).decode()
    assert "<script>" not in shown
    assert "<img" not in shown


@pytest.mark.parametrize(
    "query", ["project=<script>", "project='", "cursor=%00", "status=%3Cscript%3E", "project=%ff"]
)
async def test_a_hostile_filter_is_inert(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/?{query}", headers=HTML)
    assert answer.status_code in {200, 422}
    assert "<script>" not in answer.text


async def test_a_person_gets_a_page_and_a_program_a_problem(api: httpx.AsyncClient) -> None:
    path = f"/deployment/dep-{'a' * 26}"
    person = await api.get(path, headers=HTML)
    program = await api.get(f"/api{path}", headers=HTML)
    assert person.status_code == program.status_code == 404
    assert "There is no such deployment." in person.text
    assert program.headers["Content-Type"] == "application/problem+json"


async def test_the_type_of_a_problem_leads_to_its_page(api: httpx.AsyncClient) -> None:
    problem = (await api.get("/nowhere")).json()
    page = await api.get(problem["type"])
    assert page.status_code == 200
    assert problem["title"] in page.text


@pytest.mark.parametrize("code", KINDS)
async def test_every_problem_has_a_page(api: httpx.AsyncClient, code: str) -> None:
    answer = await api.get(f"/problems/{code}")
    assert (answer.status_code, KINDS[code].next_step in answer.text.replace("&#39;", "'")) == (
        200,
        True,
    )


async def test_static_files_may_be_kept_for_ever(api: httpx.AsyncClient) -> None:
    page = await api.get("/", headers=HTML)
    for path in re.findall(r"/static/[^\"]+", page.text):
        answer = await api.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert (await api.get("/static/0000/page.css")).status_code == 404
    assert (await api.get("/static/%2e%2e/app.py")).status_code == 404
