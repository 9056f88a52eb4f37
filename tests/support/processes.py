"""Processes of this machine, by the folder that they work in."""

from pathlib import Path

__all__ = ["open_files_below", "processes_below"]


def processes_below(folder: Path) -> list[int]:
    """Pids whose working directory lies below a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            where = (process / "cwd").readlink()
        except OSError:
            continue
        if where.is_relative_to(folder):
            found.append(int(process.name))
    return found


def open_files_below(pid: int, folder: Path) -> list[Path]:
    """Files below a folder that a process holds open; none of a process that has ended."""
    found = []
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    for descriptor in descriptors:
        try:
            target = descriptor.readlink()
        except OSError:
            continue
        if target.is_relative_to(folder):
            found.append(target)
    return found
