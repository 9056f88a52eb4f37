"""Run one step from the locks to the exit record; the order of the calls is the protocol.

`python -I -S …/runner/__main__.py <step folder> [--credential] -- <terraform argv…>`, with
terraform's environment and working directory, or `… --finish <step folder>`. `--credential`
provides terraform with a metadata endpoint (`metadata_server.py`).
"""

import os
import sys

from runner import linux, step_files
from runner.child import TerraformChild, fork_terraform
from runner.control import RunnerControl, Termination, TerraformProcess, read_settings
from runner.disk import SpoolReserve
from runner.exit_record import RESERVE_BYTES, ExitRecordWriter
from runner.finish import finish
from runner.step_files import StepFiles
from runner.sweep import reap_orphans, sweep_children

TYPE_CHECKING = False  # importing typing takes time; type checkers accept this name
if TYPE_CHECKING:
    from runner.metadata_server import MetadataServer

_USAGE = (
    "usage: __main__.py <step folder> [--credential] -- <terraform argv...>"
    " | --finish <step folder>"
)
_NO_SESSION = "the runner must not be started as leader of a process group of another session"

_UMASK = 0o077  # spool, state and plan hold secrets

_STARTED_BYTES = 4096  # started.json has 400 bytes; a block of a file system


def main(arguments: list[str]) -> int:
    """Run or finish a step; return the exit status of `step_files`, not terraform's."""
    os.umask(_UMASK)
    match arguments:
        case ["--finish", path]:
            return finish(path)
        case [path, "--", _, *_]:
            return _run(StepFiles(path), arguments[2:], with_credential=False)
        case [path, "--credential", "--", _, *_]:
            return _run(StepFiles(path), arguments[3:], with_credential=True)
    return _refuse(_USAGE)


def _refuse(message: str) -> int:
    sys.stderr.write(message + "\n")
    return step_files.MISUSED


def _run(folder: StepFiles, argv: list[str], *, with_credential: bool) -> int:
    if not _leads_session():
        return _refuse(_NO_SESSION)
    alive_lock = folder.lock(step_files.ALIVE_LOCK)
    if alive_lock is None or folder.lock(step_files.RUNNER_LOCK) is None:
        return step_files.HELD
    termination = _prepare()
    endpoint = _endpoint(folder) if with_credential else None
    refusal = _check_startable(folder)
    if refusal is not None:
        return refusal
    spool = folder.open_spool()
    reserve = _reserve(folder, spool)
    if isinstance(reserve, int):
        return reserve
    child = fork_terraform(argv, endpoint.environment if endpoint else {}, spool, alive_lock)
    _follow(folder, child, (spool, reserve, endpoint), termination)
    return step_files.ENDED


def _reserve(folder: StepFiles, spool: int) -> SpoolReserve | int:
    """Space for all that must be written while terraform runs; else the exit status."""
    try:
        folder.reserve(step_files.EXIT, RESERVE_BYTES)
        folder.reserve(step_files.STARTED, _STARTED_BYTES)
    except OSError as error:
        if error.errno not in linux.FULL:
            raise
        return step_files.DISK_FULL
    reserve = SpoolReserve(spool)
    if not reserve.full:
        return reserve
    record = ExitRecordWriter("start_failed", None)
    record.disk_full = True
    record.write(folder)
    return step_files.ENDED


def _endpoint(folder: StepFiles) -> "MetadataServer":
    # Loaded before terraform starts like every module of the runner, and only when required.
    from runner.metadata_server import MetadataServer

    return MetadataServer(folder)


def _leads_session() -> bool:
    if os.getsid(0) == os.getpid():
        return True
    try:
        os.setsid()
    except PermissionError:
        return False
    return True


def _prepare() -> Termination:
    termination = Termination()
    signals = linux.signals
    signals.signal(signals.SIGHUP, signals.SIG_IGN)
    signals.signal(signals.SIGINT, signals.SIG_IGN)
    signals.signal(signals.SIGTERM, termination.on_signal)
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    return termination


def _check_startable(folder: StepFiles) -> int | None:
    """The exit status when terraform must not start, else None; checks the lease last."""
    if folder.exists(step_files.EXIT):
        return step_files.ENDED
    if folder.exists(step_files.STARTED):
        return step_files.UNFINISHED
    if folder.exists(step_files.STOP):
        _record_not_started(folder)
        return step_files.ENDED
    lease = folder.lease()
    if lease is None or lease <= linux.boottime():
        return step_files.NO_LEASE
    return None


def _record_not_started(folder: StepFiles) -> None:
    record = ExitRecordWriter("not_started", None)
    record.stop = folder.read_stop()
    record.write(folder)


def _follow(
    folder: StepFiles,
    child: TerraformChild,
    resources: "tuple[int, SpoolReserve, MetadataServer | None]",
    termination: Termination,
) -> None:
    spool, reserve, endpoint = resources
    terraform = TerraformProcess(
        os.pidfd_open(child.pid),
        group=child.pid,
        started_at=linux.rfc3339_now(),
        started_boottime=linux.boottime(),
    )
    _write_started(folder, child, terraform)
    error = child.release()
    if error is not None:
        os.waitpid(child.pid, 0)
        record = ExitRecordWriter("start_failed", terraform.started_at)
        record.error = error
        record.write(folder)
        return
    if endpoint is not None:
        endpoint.serve()
    control = RunnerControl(folder, read_settings(folder), terraform, spool, reserve)
    control.termination = termination
    control.housekeeping = lambda: reap_orphans(child.pid)
    control.wait_until_exit()
    _record_end(folder, child, terraform, control)


def _write_started(folder: StepFiles, child: TerraformChild, terraform: TerraformProcess) -> None:
    """Write started.json without `json`, whose import takes 9 ms while terraform waits.

    No value needs escaping.
    """
    fields = {
        "format": step_files.FORMAT,
        "runner_pid": os.getpid(),
        "runner_start_ticks": linux.existing_process(os.getpid()).start_ticks,
        "terraform_pid": child.pid,
        "terraform_start_ticks": linux.existing_process(child.pid).start_ticks,
        "session": os.getsid(0),
        "boot_id": f'"{linux.boot_id()}"',
        "hostname": f'"{_hostname()}"',
        "started_at": f'"{terraform.started_at}"',
        "started_boottime": terraform.started_boottime,
    }
    text = ",\n ".join(f'"{name}": {value}' for name, value in fields.items())
    folder.write(step_files.STARTED, f"{{{text}}}\n".encode())


def _hostname() -> str:
    """The host name as terraform writes it into a lock, reduced to letters without escapes."""
    return "".join(letter for letter in os.uname().nodename if letter.isalnum() or letter in "-._")


def _record_end(
    folder: StepFiles, child: TerraformChild, terraform: TerraformProcess, control: RunnerControl
) -> None:
    # WNOWAIT: terraform is reaped after the sweep of its group, so that the kernel cannot reuse the
    # group's number.
    ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    record = ExitRecordWriter("exited", terraform.started_at)
    record.control = control
    if ended is not None and ended.si_code == os.CLD_EXITED:
        record.exit_code = ended.si_status
    elif ended is not None:
        record.signal = ended.si_status
    record.swept = sweep_children(child.pid)
    record.write(folder)
