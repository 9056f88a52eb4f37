"""A copy is called equal only when it is, in every store; what differs is named."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.redis.log import RedisLogSource, open_redis
from deployments.events import EndRecord, EventChunk
from deployments.log_verification import Verdict, compare, verify
from tests.adapters.contracts.event_files import Kept
from tests.support.ids import deployment_id
from tests.support.logs import EventFileSink, chunk, sealed
from tests.support.servers import free_port

DEPLOYMENT = deployment_id("a")


async def fill(kept: Kept, step: int, lines: int) -> EndRecord:
    seal, end = sealed(step, lines)
    await kept.sink.write(kept.deployment, chunk(step, 1, lines))
    await kept.sink.write(kept.deployment, end)
    await kept.sink.seal(kept.deployment, seal)
    return seal


async def test_a_whole_copy_is_equal(kept: Kept) -> None:
    seals = [await fill(kept, 1, 40), await fill(kept, 2, 1), await fill(kept, 3, 20_000)]
    verification = await verify(kept.source, kept.deployment, seals)
    assert verification.verdict is Verdict.EQUAL, verification
    assert [(step.lines, step.sha256) for step in verification.steps] == [
        (seal.lines, seal.sha256) for seal in seals
    ]


async def test_a_copy_without_a_step_says_which_one_and_still_looks_at_the_next(
    kept: Kept,
) -> None:
    first, third = await fill(kept, 1, 3), await fill(kept, 3, 5)
    second, _ = sealed(2, 4)
    verification = await verify(kept.source, kept.deployment, [first, second, third])
    assert verification.verdict is Verdict.DIFFERS
    assert [step.verdict for step in verification.steps] == ["equal", "missing", "equal"]


async def test_a_copy_that_lacks_lines_or_its_end_differs(kept: Kept) -> None:
    seal, _ = sealed(1, 9)
    await kept.sink.write(kept.deployment, chunk(1, 1, 7))
    second = await fill(kept, 2, 4)
    verification = await verify(kept.source, kept.deployment, [seal, second])
    assert [step.verdict for step in verification.steps] == ["differs", "equal"]
    assert verification.steps[0].lines == 7
    assert not verification.steps[0].sealed


async def test_a_copy_with_another_line_another_seal_or_more_steps_differs(kept: Kept) -> None:
    seal = await fill(kept, 1, 9)
    changed = chunk(1, 1, 9).data.replace(b'1-5","text":"x', b'1-5","text":"y')
    other = replace(seal, sha256=hashlib.sha256(changed).hexdigest())
    for wanted in (other, replace(seal, lines=8)):
        verification = await verify(kept.source, kept.deployment, [wanted])
        assert [step.verdict for step in verification.steps] == ["differs"]
        assert verification.steps[0].sha256 == seal.sha256
    await fill(kept, 2, 1)
    verification = await verify(kept.source, kept.deployment, [seal])
    assert (verification.verdict, len(verification.steps)) == (Verdict.DIFFERS, 2)


async def test_a_copy_of_nothing_is_missing_and_none_is_wanted_of_a_deployment_without_a_log(
    kept: Kept,
) -> None:
    seal, _ = sealed(1, 3)
    assert (await verify(kept.source, kept.deployment, [seal])).verdict is Verdict.MISSING
    assert (await verify(kept.source, kept.deployment, [])).verdict is Verdict.EQUAL


async def test_a_store_that_does_not_answer_is_unavailable_and_says_why() -> None:
    client = open_redis(f"redis://127.0.0.1:{free_port()}")
    seal, _ = sealed(1, 3)
    verification = await verify(RedisLogSource(client), DEPLOYMENT, [seal])
    assert verification.verdict is Verdict.UNAVAILABLE
    assert [step.verdict for step in verification.steps] == ["unavailable"]
    assert "Redis" in verification.error
    await client.aclose()


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b'{"id":"1-4","text":"late"}\n',
        b'{"id":"1-4","end":"lost","lines":3,"sha256":"SHA"}\n',
        b'{"id":"1-4","end":"complete","lines":2,"sha256":"SHA"}\n',
        b'{"id":"1-4","end":"complete","lines":3,"sha256":""}\n',
        b'{"id":"1-4","end":"complete","lines":3,"sha256":"SHA"}\n{"id":"1-5","text":"x"}\n',
        b"\xff\xfe\x00\n",
        b'"end":\n',
        b"\n\n\n",
    ],
)
async def test_a_damaged_event_file_differs(tmp_path: Path, tail: bytes) -> None:
    changes = FileChanges()
    await EventFileSink(tmp_path).write(DEPLOYMENT, chunk(1, 1, 3))
    seal, _ = sealed(1, 3)
    with (tmp_path / DEPLOYMENT / "steps" / "1" / "events.jsonl").open("ab") as file:
        file.write(tail.replace(b"SHA", seal.sha256.encode()))
    verification = await verify(LocalLogSource(tmp_path, changes), DEPLOYMENT, [seal])
    assert [step.verdict for step in verification.steps] == ["differs"]
    changes.close()


async def test_lines_of_megabytes_and_bytes_that_are_no_text_are_compared_too(
    tmp_path: Path,
) -> None:
    changes = FileChanges()
    data = b'{"text":"' + b"x" * 5_000_000 + b'"}\n\xff\xfe\0\n{"text":"}"}\n'
    sink = EventFileSink(tmp_path)
    await sink.write(DEPLOYMENT, EventChunk(1, 1, 3, data))
    seal = replace(sealed(1, 3)[0], sha256=hashlib.sha256(data).hexdigest())
    await sink.seal(DEPLOYMENT, seal)
    verification = await verify(LocalLogSource(tmp_path, changes), DEPLOYMENT, [seal])
    assert verification.verdict is Verdict.EQUAL
    changes.close()


def test_seals_that_are_kept_elsewhere_are_compared_one_by_one() -> None:
    one, two, three = (sealed(number, number)[0] for number in (1, 2, 3))
    assert compare("record.json", [one, two], [one, two]).verdict is Verdict.EQUAL
    verification = compare("record.json", [replace(one, lines=7), three], [one, two])
    assert [(part.step, part.verdict) for part in verification.steps] == [
        (1, "differs"),
        (2, "missing"),
        (3, "differs"),
    ]
