"""What the machine of the containers reaches: two guarded ports, and no store."""

import json
import sys
from typing import Any

from tests.compose.engine import PROJECT, Engine
from tests.support.programs import playwright_node

__all__ = ["REDIS", "check_doors"]

_PUBLISHED = {("127.0.0.1", 8000), ("127.0.0.1", 8233)}
# gRPC and Web UI of Temporal, Redis, object store, Firestore, API.
_PORTS = (7233, 8233, 6379, 4443, 8085, 8000)
_CONNECT = """
import json, socket, sys
def reaches(address, port):
    try:
        socket.create_connection((address, port), 2).close()
    except OSError:
        return False
    return True
json.dump([server for server in json.loads(sys.argv[1]) if reaches(*server)], sys.stdout)
"""
# Status under the name of the machine and under a name that a page has rebound.
_HOSTS = """
import http.client, json, sys
def status(port, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={"Host": host} if host else {})
    return connection.getresponse().status
json.dump([[status(port, ""), status(port, "evil.example")] for port in (8000, 8233)], sys.stdout)
"""
# Runs inside the API's container.
REDIS = """
import redis
from adapters.settings import load
settings = load()
url = settings.redis.url.get_secret_value()
print(redis.Redis.from_url(url, password=settings.redis.password).ping())
try:
    redis.Redis.from_url(url).ping()
except redis.AuthenticationError:
    print("refused")
"""


def check_doors(docker: Engine, password_check: str) -> None:
    """Check ports and networks; `password_check` is what the API's container printed."""
    assert password_check.split() == ["True", "refused"], "Redis has a password"
    containers = _containers(docker)
    assert _published(containers) == _PUBLISHED
    open_servers = _reached(docker, [("127.0.0.1", port) for port in _PORTS])
    assert open_servers == _PUBLISHED, "of all ports on loopback"
    inner = {network: _addresses(containers, network) for network in ("stores", "outside")}
    assert len(inner["stores"]) >= 8
    servers = [(address, port) for address in inner["stores"] for port in _PORTS]
    assert _reached(docker, servers) == set(), "no route leads to the network of the stores"
    servers = [(address, port) for address in inner["outside"] for port in _PORTS]
    assert {port for _, port in _reached(docker, servers)} == {8000, 8233}, "API and guard"
    assert json.loads(docker.on_host(sys.executable, "-c", _HOSTS)) == [[200, 421]] * 2
    _check_page(docker, sorted(inner["stores"] | inner["outside"] | {"127.0.0.1"}))


def _check_page(docker: Engine, addresses: list[str]) -> None:
    """A page of another site, in Chromium where the ports are, reads nothing."""
    urls = [f"http://{address}:{port}/" for address in addresses for port in (8000, 8233)]
    urls += [f"http://{address}:4443/storage/v1/b" for address in addresses]
    node = playwright_node()
    environment = ["env", f"PLAYWRIGHT_NODEJS_PATH={node}"] if node else []
    argv = [*environment, sys.executable, "-m", "tests.support.foreign_page", *urls]
    outcome = json.loads(docker.on_host(*argv))
    assert {url: texts for url, texts in outcome["read"].items() if texts} == {}
    answers = {url: answer[0] for url, answer in outcome["rebound"].items() if answer}
    assert set(answers.values()) == {421}, answers
    assert {f"http://127.0.0.1:{port}/" for port in (8000, 8233)} <= set(answers)


def _containers(docker: Engine) -> list[dict[str, Any]]:
    label = f"label=com.docker.compose.project={PROJECT}"
    names = docker.docker("ps", "--quiet", "--filter", label).split()
    containers: list[dict[str, Any]] = json.loads(docker.docker("inspect", *names))
    return containers


def _published(containers: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {
        (binding["HostIp"], int(binding["HostPort"]))
        for container in containers
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }


def _addresses(containers: list[dict[str, Any]], network: str) -> set[str]:
    name = f"{PROJECT}_{network}"
    attached = [container["NetworkSettings"]["Networks"] for container in containers]
    return {networks[name]["IPAddress"] for networks in attached if name in networks}


def _reached(docker: Engine, servers: list[tuple[str, int]]) -> set[tuple[str, int]]:
    printed = docker.on_host(sys.executable, "-c", _CONNECT, json.dumps(servers))
    return {(address, port) for address, port in json.loads(printed)}
