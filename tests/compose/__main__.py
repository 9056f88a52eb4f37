"""A clean checkout in containers: deployed through, a worker killed, all logs compared.

What is tested is the last commit. Whatever happens, nothing is left on this machine but a base
image in `.cache`.
"""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.compose import doors, local_images
from tests.compose.engine import PROJECT, Engine, Unavailable, engine, eventually
from tests.support.servers import ROOT

WORKERS = ("worker-1", "worker-2")
SINKS = {"redis", "firestore", "gcs", "local"}
_READ_LOGS = (ROOT / "tests" / "compose" / "read_logs.py").read_text()
# Pids and commands of a container's processes; it has no `ps`.
_PROCESSES = """
import json, pathlib
found = {}
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        found[path.parent.name] = path.read_bytes().replace(bytes(1), b" ").decode()
    except OSError:
        continue
print(json.dumps(found))
"""


@contextmanager
def step(name: str) -> Iterator[None]:
    sys.stdout.write(f"{name} … ")
    sys.stdout.flush()
    began = time.monotonic()
    yield
    sys.stdout.write(f"{time.monotonic() - began:.1f} s\n")


class Stack:
    """What docker-compose.yml brings up."""

    def __init__(self, docker: Engine, checkout: Path) -> None:
        self._docker = docker
        self._checkout = checkout

    def compose(self, *words: str, stdin: str = "") -> str:
        return self._docker.compose(self._checkout, *words, stdin=stdin)

    def inside(self, service: str, *words: str, stdin: str = "") -> str:
        return self.compose("exec", "-T", service, *words, stdin=stdin)

    def container(self, service: str) -> dict[str, Any]:
        name = self.compose("ps", "-q", service).strip()
        [found] = json.loads(self._docker.docker("inspect", name))
        state: dict[str, Any] = found["State"] | {"RestartCount": found["RestartCount"]}
        return state

    def is_healthy(self, service: str) -> bool:
        health = self.container(service)["Health"]["Status"]
        assert health != "unhealthy", f"{service} is unhealthy"
        return bool(health == "healthy")

    def deploy(self, prefix: str, resource_seconds: float) -> str:
        wanted = f"resource_seconds={resource_seconds}"
        argv = ("anava", "deploy", "--project", "demo-project-1", "--prefix", prefix)
        deployment = json.loads(self.inside("api", *argv, "--var", wanted, "--json"))
        return str(deployment["id"])

    def status(self, deployment: str) -> dict[str, Any]:
        # Its exit status says how the deployment ended.
        asked = f"anava status {deployment} --json || true"
        found: dict[str, Any] = json.loads(self.inside("api", "sh", "-c", asked))
        return found

    def end(self, deployment: str) -> tuple[str, str]:
        ends = ("completed", "failed", "cancelled", "needs_attention")
        eventually(lambda: self.status(deployment)["status"] in ends, "the end", 120)
        found = self.status(deployment)
        return found["status"], found["reason"]

    def processes(self, service: str) -> dict[int, str]:
        found = json.loads(self.inside(service, "python3", "-c", _PROCESSES))
        return {int(pid): command for pid, command in found.items()}

    def applying(self) -> str:
        """The worker's container in which terraform applies; empty when it is none."""
        for service in WORKERS:
            if any("terraform apply" in process for process in self.processes(service).values()):
                return service
        return ""

    def worker(self, service: str) -> int:
        """Pid of the worker below the supervisor; 0 while there is none."""
        pids = [pid for pid, one in self.processes(service).items() if "-m worker_main" in one]
        return pids[0] if pids else 0

    def record(self, deployment: str) -> dict[str, Any]:
        path = "/tmp/record.json"  # noqa: S108 - the container's own
        self.inside("api", "anava", "artifacts", deployment, "record.json", "--output", path)
        found: dict[str, Any] = json.loads(self.inside("api", "cat", path))
        return found

    def logs(self, deployment: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads(
            self.inside("api", "python3", "-", deployment, stdin=_READ_LOGS)
        )
        return found

    def printed_ids(self, deployment: str) -> set[str]:
        """Ids of the events that the console sinks of all workers printed."""
        ids = set()
        for line in self.compose("logs", "--no-color", *WORKERS).splitlines():
            _, brace, rest = line.partition("{")
            try:
                labels = json.loads(brace + rest)["logging.googleapis.com/labels"]
            except (ValueError, LookupError):
                continue
            if labels["deployment"] == deployment:
                ids.add(labels["event"])
        return ids

    def objects(self) -> list[str]:
        """Names in the bucket of states."""
        code = (
            "import httpx; print(*[item['name'] for item in "
            "httpx.get('http://gcs:4443/storage/v1/b/anava-states/o').json().get('items', [])])"
        )
        return self.inside("api", "python3", "-c", code).split()


def is_well(stack: Stack) -> bool:
    try:
        stack.inside("api", "anava", "health")
    except AssertionError:
        return False
    return True


def check_containers(stack: Stack) -> None:
    for service in ("api", "temporal-ui", *WORKERS):
        assert stack.inside(service, "id", "-u").strip() == "10001", "nothing runs as root"
        assert stack.inside(service, "sh", "-c", "touch /x 2>/dev/null || echo no") == "no\n"
        first = stack.processes(service)[1]
        assert ("worker --restart" in first) == (service in WORKERS), first
    for service in ("temporal", "temporal-ui", "api", *WORKERS):
        eventually(lambda service=service: stack.is_healthy(service), f"{service}'s health", 90)  # type: ignore[misc]


def check_killed_worker(stack: Stack) -> str:
    deployment = stack.deploy("killed", 3)
    eventually(stack.applying, "an apply", 60)
    service = stack.applying()
    worker = stack.worker(service)
    stack.inside(service, "python3", "-c", f"import os; os.kill({worker}, 9)")
    assert stack.end(deployment) == ("completed", "applied")
    apply = stack.record(deployment)["steps"][-1]
    assert (apply["phase"], apply["epoch"] >= 2) == ("apply", True), "another worker re-attached"
    assert stack.container(service)["RestartCount"] == 0, "its container went on"
    eventually(lambda: stack.worker(service) not in {0, worker}, "the next worker", 30)
    return deployment


def check_logs(stack: Stack, deployment: str) -> None:
    def are_equal() -> bool:
        held = stack.logs(deployment)
        assert set(held) == SINKS
        return all(item == held["local"] for item in held.values())

    eventually(are_equal, "the same log in every sink", 60)
    ids = stack.logs(deployment)["local"]["ids"]
    assert len(set(ids)) == len(ids) > 50
    ends = {f"{number}-{max(_lines(ids, number))}" for number in (1, 2, 3)}
    eventually(lambda: set(ids) - ends <= stack.printed_ids(deployment), "the console's log", 30)


def _lines(ids: list[str], step: int) -> list[int]:
    return [int(id.partition("-")[2]) for id in ids if id.startswith(f"{step}-")]


def check_stop(stack: Stack) -> None:
    deployment = stack.deploy("stopped", 60)
    eventually(stack.applying, "an apply", 60)
    stack.compose("stop", *WORKERS)
    assert {stack.container(service)["ExitCode"] for service in WORKERS} == {0}
    stack.compose("start", *WORKERS)
    assert stack.end(deployment) == ("failed", "host_stopped")


def run(docker: Engine, stack: Stack) -> None:
    with step("docker compose up"):
        stack.compose("up", "-d", "--build")
    with step("healthy"):
        eventually(lambda: is_well(stack), "a healthy service", 180)
    with step("health checks, accounts, read-only roots"):
        check_containers(stack)
    with step("two guarded ports on loopback, no store within reach, also of a page in Chromium"):
        doors.check_doors(docker, stack.inside("api", "python3", "-c", doors.REDIS))
    with step("a worker killed in mid-apply"):
        deployment = check_killed_worker(stack)
    with step("every sink holds the same log"):
        check_logs(stack, deployment)
    with step("deployed again: no changes"):
        assert stack.end(stack.deploy("killed", 3)) == ("completed", "no_changes")
        assert stack.objects() == ["stacks/local.sandbox.demo-project-1.killed/default.tfstate"]
    with step("workers stopped in mid-apply, started again"):
        check_stop(stack)


def down(docker: Engine, stack: Stack) -> None:
    stack.compose("down", "--volumes", "--remove-orphans")
    label = f"label=com.docker.compose.project={PROJECT}"
    for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        left = docker.docker(*kind, "--quiet", "--filter", label)
        assert left == "", f"{kind[0]}: {left} was left behind"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="anava-compose-") as name, engine(Path(name)) as docker:
        folder = Path(name)
        checkout = folder / "checkout"
        docker.must(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(checkout)])
        if docker.is_own:
            with step("images of what this machine has"):
                docker.environment |= local_images.make(docker, folder, checkout)
        stack = Stack(docker, checkout)
        try:
            run(docker, stack)
        except AssertionError:
            sys.stderr.write(stack.compose("logs", "--no-color", "--tail=100"))
            raise
        finally:
            with step("docker compose down"):
                down(docker, stack)


if __name__ == "__main__":
    os.umask(0o022)
    # CI's limit is a SIGTERM: the engine still ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except Unavailable as reason:
        sys.stderr.write(f"test-compose: {reason}\n")
        sys.exit(os.EX_UNAVAILABLE)
