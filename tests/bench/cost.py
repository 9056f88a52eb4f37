"""The dearest inputs of a customer: how long each holds the event loop that serves all others."""

from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from adapters.redaction import Redactor
from adapters.terraform.output.events import Translator
from deployments.phase import Phase
from deployments.step import StepKey
from tests.bench.figures import Figure, spread
from tests.bench.scene import APPLY, Scene
from tests.bench.sizes import Size
from tests.support.cost import event_loop_seconds
from tests.support.dear_inputs import BODY_BYTES, dear_bodies, dear_secrets
from worker.steps.event_log import SPOOL_FILE, EventLog

__all__ = ["cost"]

_GOAL_MS = 100.0
_SECRET_CHARACTERS = 4096
_JSON = {"Content-Type": "application/json"}
_EMPTY = b"{}"


async def cost(scene: Scene, size: Size) -> list[Figure]:
    """Of all kinds the slowest, beside the cheapest."""
    requests = {kind: await _requests(scene, body, size) for kind, body in _bodies().items()}
    secrets = {
        kind: [1000 * await _redacted_seconds(secret) for _ in range(size.rounds)]
        for kind, secret in dear_secrets(_SECRET_CHARACTERS).items()
    }
    base = [1000 * await _redacted_seconds("a-secret") for _ in range(size.rounds)]
    empty = await _requests(scene, _EMPTY, size)
    return [
        _slowest("dearest request", requests, empty, "a request with an empty body"),
        _slowest("dearest variable", secrets, base, "a secret of eight characters"),
    ]


def _bodies() -> dict[str, bytes]:
    return dear_bodies(BODY_BYTES)


async def _requests(scene: Scene, body: bytes, size: Size) -> list[float]:
    """Milliseconds of the API's event loop, each with the request before it warm."""
    milliseconds = []
    for _ in range(1 + size.rounds):
        before = _main_thread_ms(scene.api.popen.pid)
        await _post(scene.session, body)
        milliseconds.append(_main_thread_ms(scene.api.popen.pid) - before)
    return milliseconds[1:]


async def _post(session: httpx.AsyncClient, body: bytes) -> None:
    answer = await session.post("/api/deploy", content=body, headers=_JSON)
    assert answer.status_code in {400, 422}, answer.text


def _main_thread_ms(pid: int) -> float:
    """CPU time of a process's first thread, which runs the event loop (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


async def _redacted_seconds(secret: str) -> float:
    """Time of the worker's event loop for 1,000 lines that contain the secret."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SPOOL_FILE).write_text(f"{secret.splitlines()[0]}\n" * 1000)

        async def pump() -> None:
            translator = Translator(APPLY, Phase.APPLY, "", Redactor([secret]))
            log = EventLog(folder, StepKey("dep-bench", APPLY), translator, lambda: None)
            await log.pump()
            log.release()

        return await event_loop_seconds(pump)


def _slowest(
    name: str, samples: dict[str, list[float]], base: list[float], baseline: str
) -> Figure:
    kind = max(samples, key=lambda kind: spread(samples[kind]).p50)
    slowest = spread(samples[kind])
    return Figure(
        f"{name}: time of the event loop",
        "ms",
        slowest,
        spread(base),
        f"< {_GOAL_MS:.0f}",
        slowest.high < _GOAL_MS,
        f"the slowest of {len(samples)} kinds: {kind}; baseline: {baseline}",
    )
