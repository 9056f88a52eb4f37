"""The free space of this machine's disks, compared with the setting."""

from adapters.local import disk_space
from adapters.settings import Settings
from deployments.worker_reports import DiskStatus

__all__ = ["disk_status"]

_MEGABYTE = 1_000_000


def disk_status(settings: Settings) -> DiskStatus:
    """The fuller of the disks below the run root and the data folder; a missing folder is none."""
    free = [disk_space.free_bytes(path) for path in (settings.runs, settings.data) if path.exists()]
    needed = settings.worker.min_free_mb * _MEGABYTE
    return DiskStatus(min(free, default=needed), needed)
