"""The baseline of the status: FastAPI, one route, one describe.

`python -m tests.bench.bare_api <Temporal's address> <port>`
"""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client


async def _serve(address: str, port: int) -> None:
    client = await Client.connect(address)
    app = FastAPI()

    @app.get("/api/deployment/{deployment}")
    async def get_deployment(deployment: str) -> dict[str, str]:
        found = await client.get_workflow_handle(deployment).describe()
        return {"id": found.id, "status": str(found.status)}

    config = uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
