"""What we depend on is pinned, is what we say, and stays out of our rooms."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import ROOMS, ROOT, files, text

OURS = "anava-deploy"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"

# In parts, so that this file does not name them itself.
REGISTRY_HOSTS = tuple(
    ".".join(parts).encode()
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("golang", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("deb", "debian", "org"),
    )
)


def _locked(lock: str) -> dict[str, Requirement]:
    """The requirements of a lock by name, without their hashes."""
    lines = text(Path(lock)).replace("\\\n", " ").splitlines()
    requirements = [
        Requirement(line.partition("--hash")[0]) for line in lines if line and line[0] != "#"
    ]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def _direct(lock: str) -> list[Requirement]:
    """The direct dependencies that a lock is made for, as pyproject.toml names them."""
    project = tomllib.loads(text(Path("pyproject.toml")))["project"]
    names = list(project["dependencies"])
    if lock == DEVELOPMENT:
        names += project["optional-dependencies"]["dev"]
    return [Requirement(name) for name in names]


def _reached(requirements: list[Requirement]) -> set[str]:
    """The names that these requirements and theirs ask for on this machine, as installed."""
    reached: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {(name, asked) for asked in ("", *requirement.extras)} - reached:
            reached.add(wanted)
            waiting += [
                (Requirement(needed), wanted[1]) for needed in metadata.requires(name) or []
            ]
    return {name for name, _ in reached}


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_every_locked_version_has_a_hash_and_no_address(lock: str) -> None:
    lines = text(Path(lock)).replace("\\\n", " ").splitlines()
    entry = re.compile(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; [^;]+?)?( +--hash=sha256:[0-9a-f]{64})+")

    assert [line for line in lines if line[0] != "#" and not entry.fullmatch(line)] == []
    assert "://" not in text(Path(lock))


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_a_lock_satisfies_every_direct_dependency(lock: str) -> None:
    locked = _locked(lock)

    unsatisfied = [
        str(requirement)
        for requirement in _direct(lock)
        if not _satisfies(locked.get(canonicalize_name(requirement.name)), requirement)
    ]

    assert unsatisfied == [], "run `make lock`"


def _satisfies(locked: Requirement | None, wanted: Requirement) -> bool:
    return locked is not None and all(
        wanted.specifier.contains(pin.version, prereleases=True) for pin in locked.specifier
    )


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_a_lock_holds_what_is_asked_for_and_nothing_else(lock: str) -> None:
    applicable = {
        name
        for name, requirement in _locked(lock).items()
        if requirement.marker is None or requirement.marker.evaluate()
    }

    assert applicable == _reached(_direct(lock)), "run `make lock`, then `make setup`"


def test_the_development_lock_is_the_runtime_lock_and_more() -> None:
    development = _locked(DEVELOPMENT)

    assert {name: development.get(name) for name, pinned in _locked(RUNTIME).items()} == _locked(
        RUNTIME
    )


@pytest.mark.parametrize("lock", [DEVELOPMENT])
def test_what_is_installed_is_what_is_locked(lock: str) -> None:
    assert {
        name: str(requirement.specifier)
        for name, requirement in _locked(lock).items()
        if requirement.marker is None or requirement.marker.evaluate()
    } == {name: f"=={metadata.version(name)}" for name in _reached(_direct(lock))}


def test_no_dependency_ships_a_package_with_a_name_of_ours() -> None:
    names = {*ROOMS, "tests", "terraform", "worker_main"}

    taken = {
        package: distributions
        for package, distributions in metadata.packages_distributions().items()
        if package in names and set(distributions) != {OURS}
    }

    assert taken == {}


def test_the_wheel_lists_every_room() -> None:
    wheel = tomllib.loads(text(Path("pyproject.toml")))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]

    assert {*ROOMS, "terraform", "worker_main.py"} == set(wheel["only-include"])


def test_no_file_names_a_package_registry() -> None:
    naming = [
        f"{path}: {host.decode()}"
        for path in files()
        for host in REGISTRY_HOSTS
        if host in (ROOT / path).read_bytes()
    ]

    assert naming == []
