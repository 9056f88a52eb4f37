"""The `anava` command against a real API, a real worker and real deployments."""

import json
import os
import pty
import signal
import subprocess

from tests.scenarios.command_line import CommandLine
from tests.support.servers import eventually


async def test_a_deployment_is_started_followed_listed_read_downloaded(anava: CommandLine) -> None:
    words = ("deploy", "--project", "demo-project-1", "--var", "secret=never-shown-4711", "-f")
    followed = await anava.run(*words)
    assert followed.code == 0, followed.err
    assert "Apply complete! Resources: 12 added" in followed.out
    assert "api_key = (sensitive)" in followed.out
    listed = await anava.run("list", "--status", "completed", "--json")
    id = json.loads(listed.out.splitlines()[0])["id"]
    assert f"{id}: completed" in followed.out

    assert f"{id}: completed" in (await anava.run("status", id)).out
    outputs = json.loads((await anava.run("outputs", id, "--json")).out)["outputs"]
    assert {output["name"]: output["value"] for output in outputs}["api_key"] is None
    lines = (await anava.run("logs", id, "--json")).out.splitlines()
    assert json.loads(lines[0])["id"] == "1-1"
    resumed = (await anava.run("logs", id, "--after", "2-1", "--json")).out.splitlines()
    assert resumed == [line for line in lines if not line.startswith(('{"id":"1-', '{"id":"2-1"'))]

    files = (await anava.run("artifacts", id)).out
    assert "plan.txt" in files
    loaded = await anava.run("artifacts", id, "plan.txt")
    assert loaded.code == 0, loaded.err
    assert "Plan: 12 to add" in (anava.folder / "plan.txt").read_text()
    assert (await anava.run("artifacts", id, "../plan.txt")).code == 2
    everything = [followed.out, listed.out, files, *lines, (anava.folder / "plan.txt").read_text()]
    assert "never-shown-4711" not in "".join(everything)


async def test_copies_of_a_log_are_compared_and_a_difference_is_an_exit_code(
    anava: CommandLine,
) -> None:
    words = ("deploy", "--project", "demo-project-1", "--var", "resource_seconds=0", "--json", "-f")
    followed = await anava.run(*words)
    id = json.loads(followed.out.splitlines()[-1])["id"]
    compared = await anava.run("logs", "--verify", id)
    assert compared.code == 0, compared.out + compared.err
    assert compared.out.endswith("All copies are equal.\n")
    with (anava.house.data / "runs" / id / "steps" / "3" / "events.jsonl").open("ab") as file:
        file.write(b"{}\n")
    compared = await anava.run("logs", "--verify", id, "--json")
    assert compared.code == 1
    verdicts = {item["name"]: item["verdict"] for item in json.loads(compared.out)["copies"]}
    assert verdicts == {"record.json": "equal", "local": "differs"}


async def test_a_failure_is_read_with_its_resource_file_and_line(anava: CommandLine) -> None:
    words = ("deploy", "--project", "demo-project-1", "--var", "fail=services-2", "-f")
    ended = await anava.run(*words)
    assert ended.code == 1
    assert 'terraform_data.services["services-2"] (main.tf:' in ended.out
    assert "not applied: " in ended.out


async def test_health_is_told_by_the_exit_code(anava: CommandLine) -> None:
    async def healthy() -> bool:
        return (await anava.run("health")).code == 0

    await eventually(healthy, "health")
    document = json.loads((await anava.run("health", "--json")).out)
    assert document["status"] == "healthy"


async def test_ctrl_c_on_a_terminal_stops_the_watching_only(anava: CommandLine) -> None:
    ours, theirs = pty.openpty()
    words = ("deploy", "--project", "demo-project-1", "--var", "resource_seconds=10", "-f")
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - its terminal is what is tested
        anava.argv(*words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=anava.environment(),
        cwd=anava.folder,
        start_new_session=True,
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    shown = bytearray()

    def sees(word: bytes) -> bool:
        try:
            while block := os.read(ours, 65536):
                shown.extend(block)
        except OSError:
            pass
        return word in shown

    await eventually(lambda: sees(b"/12 resources"), "the live lines", 60)
    process.send_signal(signal.SIGINT)
    try:
        await eventually(lambda: sees(b"The deployment continues"), "the words")
    except AssertionError as error:
        error.add_note(f"exit code {process.poll()}, shown: {bytes(shown[-2000:])!r}")
        raise
    assert process.wait(15) == 130
    os.close(ours)
    listed = await anava.run("list", "--json")
    deployment = json.loads(listed.out.splitlines()[0])
    assert deployment["status"] == "running"
    await anava.run("cancel", deployment["id"])
    assert (await anava.run("logs", "-f", deployment["id"])).code == 3
