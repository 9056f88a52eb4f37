"""Google as one caller of the stand-in sees it."""

import httpx

from google_stand_in.answers import Json

APIS = (
    "apigateway",
    "apikeys",
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "firebase",
    "firebaserules",
    "firebasestorage",
    "firestore",
    "iam",
    "identitytoolkit",
    "run",
    "secretmanager",
    "storage",
)


class Google:
    """Google as one caller sees it, with the stand-in's own door beside it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def control(self, method: str, name: str, body: object = None) -> Json:
        answer = await self.client.request(method, f"/_control/{name}", json=body or {})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def settings(self, **settings: object) -> None:
        await self.control("PUT", "settings", settings)

    async def project(self, **changes: object) -> None:
        await self.control("POST", "project", {"project_id": "demo-proj", **changes})

    async def rules(self, *rules: Json) -> None:
        await self.control("PUT", "rules", {"rules": list(rules)})

    async def ask(self, asked: str, body: object = None) -> httpx.Response:
        """`POST /iam/v1/…`, as the caller."""
        method, _, path = asked.partition(" ")
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.client.request(method, path, json=body, headers=headers)

    async def get(self, asked: str, body: object = None) -> Json:
        """The same, where it must succeed."""
        answer = await self.ask(asked, body)
        assert answer.status_code in {200, 204}, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    async def refused(self, asked: str, body: object = None) -> tuple[int, Json]:
        """The same, where it must fail: status and error."""
        answer = await self.ask(asked, body)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]


def reason(error: Json) -> str:
    """Google's own word for it, in either shape."""
    if "errors" in error:
        return str(error["errors"][0]["reason"])
    return str(next(detail["reason"] for detail in error["details"] if "reason" in detail))
