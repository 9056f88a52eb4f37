"""What stays of a run directory after the end of its deployment."""

from pathlib import Path

from worker.run_directory import RunDirectory


def test_after_the_end_log_progress_exit_record_and_errors_of_the_runner_stay(
    tmp_path: Path,
) -> None:
    """The errors of a runner that failed were gone when an operator looked for them."""
    run = RunDirectory(tmp_path / "dep-1")
    step = run.path / "steps" / "1"
    step.mkdir(parents=True)
    for name in ("step.json", "stop.json", "spool", "lease", "credential.json"):
        (step / name).touch()
    retained = {"events.jsonl", "exit.json", "progress.json", "runner.err"}
    for name in retained:
        (step / name).touch()

    run.clear()

    assert {path.name for path in step.iterdir()} == retained
