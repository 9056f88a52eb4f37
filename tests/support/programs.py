"""Programs that only tests need: the machine's, else those of `make setup-tests`."""

import shutil
from pathlib import Path

__all__ = ["chromium", "firestore_emulator", "playwright_node"]

_BROUGHT = Path(__file__).resolve().parents[2] / ".cache" / "programs"
_MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
# Two compilers and a collector with threads of its own cost 0.2 to 2 s of each start.
_JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.language=en")


def chromium() -> str | None:
    """The browser's path."""
    for name in ("chromium", "chromium-browser", "google-chrome", str(_BROUGHT / "chromium")):
        if found := shutil.which(name):
            return found
    return None


def playwright_node() -> str | None:
    """The Node in place of Playwright's own, where that one does not start."""
    return shutil.which(str(_BROUGHT / "node"))


def firestore_emulator() -> list[str] | None:
    """The emulator's command without its options.

    gcloud, which could start the emulator too, takes 2 to 3 s more.
    """
    archives = [_BROUGHT / "firestore-emulator"]
    if gcloud := shutil.which("gcloud"):
        sdk = Path(gcloud).resolve().parent.parent
        archives.insert(
            0, sdk / "platform" / "cloud-firestore-emulator" / "cloud-firestore-emulator.jar"
        )
    for archive in archives:
        if archive.is_file() and shutil.which("java"):
            return [*_JAVA, "-cp", str(archive), _MAIN_CLASS]
    return None
