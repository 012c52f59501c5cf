"""The stored log is what the spool says, each line once, however often reading it was broken off and by whom."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conselho.db.session import Database
from conselho.executions import leases, logs, queries, verdict
from conselho.executions.endings import LogEnd
from conselho.providers.base import Said
from conselho.providers.command import Command
from conselho.worker import capture as module
from conselho.worker.capture import Capture, FenceLost
from conselho.worker.recorder import CAP, DROPPED, LOST, STDERR, STDOUT, FrameFile
from tests.db.proxy import Proxy
from tests.executions.making import ANNA, LEASE, make_running
from tests.looping import on_a_loop

MOMENT = 1_772_442_000_000_000  # 2026-03-02T09:00:00Z in microseconds
SECOND = 1_000_000


class Tape:
    """A spool that a test writes as a shim would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = FrameFile(str(path))
        self._at = MOMENT

    def write(self, *data: bytes | str, stream: int = STDOUT) -> None:
        for each in data:
            self._at += SECOND
            assert self._file.append((stream, self._at, each if isinstance(each, bytes) else each.encode()))


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "spool")


def begin(database: Database, execution_id: str, fence: int = 1) -> Capture:
    """As a worker does, after a claim and after a restart alike."""
    stored = database.fetch(logs.head, execution_id).result()
    return Capture(database, execution_id, fence, Command(), stored)


def stored(database: Database, execution_id: str) -> list[logs.NumberedLine]:
    found: list[logs.NumberedLine] = []
    while lines := database.fetch(logs.read_after, execution_id, len(found)).result():
        found += lines
    assert [line.seq for line in found] == list(range(1, len(found) + 1))
    return found


def texts(database: Database, execution_id: str) -> list[str]:
    return [numbered.text for numbered in stored(database, execution_id)]


@on_a_loop
async def test_what_is_in_the_spool_becomes_the_log(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    tape.write("one\ntw", "o\n")
    tape.write("three\n", stream=STDERR)
    tape.write("no newline")
    capture = begin(database, execution_id)
    await capture.pump(tape.path)
    end = await capture.finish([Said("warning", ("[a remark]",), speaks=False)])

    lines = stored(database, execution_id)
    assert [(line.kind, line.text) for line in lines] == [
        ("stdout", "one"), ("stdout", "two"), ("stderr", "three"), ("stdout", "no newline"), ("warning", "[a remark]"),
    ]  # fmt: skip
    assert lines[0].at.isoformat() == "2026-03-02T09:00:01+00:00"
    head = database.fetch(logs.head, execution_id).result()
    assert end == LogEnd(5, head.bytes)
    assert capture.conclude(0).result == "one\ntwo\nno newline"


@on_a_loop
async def test_a_spool_is_read_as_it_grows(database: Database, tmp_path: Path) -> None:
    execution_id = make_running(database)
    capture = begin(database, execution_id)
    await capture.pump(tmp_path / "spool")  # the shim has not made it yet
    tape = Tape(tmp_path / "spool")
    for number in range(3):
        tape.write(f"line {number}\n")
        await capture.pump(tape.path)
        await capture.flush(even_if_young=True)
        assert texts(database, execution_id) == [f"line {each}" for each in range(number + 1)]


@on_a_loop
async def test_a_young_line_waits_for_company_and_says_how_long(
    database: Database, tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("conselho.clock.monotonic", lambda: now[0])
    execution_id = make_running(database)
    capture = begin(database, execution_id)
    assert await capture.flush() is None
    tape.write("one\n")
    await capture.pump(tape.path)
    assert await capture.flush() == pytest.approx(module.FLUSH_SECONDS)
    now[0] += module.FLUSH_SECONDS - 0.1
    tape.write("two\n")
    await capture.pump(tape.path)
    assert await capture.flush() == pytest.approx(0.1)
    assert texts(database, execution_id) == []
    now[0] += 0.1
    assert await capture.flush() is None
    assert texts(database, execution_id) == ["one", "two"]


@on_a_loop
async def test_bytes_that_are_no_text_are_kept_as_they_came(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    capture = begin(database, execution_id)
    tape.write(b"\xff\xfe\x00 \xc3", b"\xa9\r\nrest\r\x1b[0m")
    await capture.pump(tape.path)
    await capture.finish(())
    kept = [text.encode("utf-8", "surrogateescape") for text in texts(database, execution_id)]
    assert kept == [b"\xff\xfe\x00 \xc3\xa9\r", b"rest\r\x1b[0m"]


@on_a_loop
async def test_what_is_missing_is_a_visible_line_that_says_how_much(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    capture = begin(database, execution_id)
    tape.write("begin\nhalf a li")
    tape.write('{"bytes": 49000000}', stream=CAP)
    tape.write('{"bytes": 1234567, "lines": 89}', stream=DROPPED)
    tape.write("end\n")
    tape.write('{"bytes": 10}', stream=LOST)
    await capture.pump(tape.path)
    assert capture.is_capped
    await capture.finish(())
    first, half, cap, dropped, last, lost = stored(database, execution_id)
    assert [first.text, half.text, last.text] == ["begin", "half a li", "end"]
    assert [line.kind for line in (cap, dropped, lost)] == ["warning"] * 3
    assert "49,000,000" in cap.text
    assert "1,234,567 bytes with 89 line ends" in dropped.text
    assert "10 bytes" in lost.text


@on_a_loop
async def test_the_verdict_hears_every_line_of_the_run_and_no_remark_of_ours(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    tape.write('VERDICT: {"severity": "warning", "summary": "three things"}\n')
    for _ in range(2):  # the second time after a restart, when nothing is stored any more
        capture = begin(database, execution_id)
        await capture.pump(tape.path)
        await capture.finish([Said("warning", ('VERDICT: {"severity": "error"}',), speaks=False)])
        decided = capture.verdict.decide(verdict.Ending(ok=True, kind="succeeded", sentence="exit code 0"))
        assert (decided.severity.value, decided.summary) == ("warning", "three things")
    assert len(stored(database, execution_id)) == 2


@on_a_loop
async def test_under_a_fence_that_is_over_nothing_is_written(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    capture = begin(database, execution_id)
    tape.write("before\n")
    await capture.pump(tape.path)
    await capture.flush(even_if_young=True)
    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    tape.write("after\n")
    await capture.pump(tape.path)
    with pytest.raises(FenceLost):
        await capture.flush(even_if_young=True)
    assert texts(database, execution_id) == ["before"]

    successor = begin(database, execution_id, row.fence)
    await successor.pump(tape.path)
    await successor.finish(())
    assert texts(database, execution_id) == ["before", "after"]


@on_a_loop
async def test_two_who_write_under_one_fence_make_neither_a_hole_nor_a_double(database: Database, tape: Tape) -> None:
    execution_id = make_running(database)
    tape.write("one\n", "two\n")
    one, other = begin(database, execution_id), begin(database, execution_id)
    await one.pump(tape.path)
    await other.pump(tape.path)
    await one.flush(even_if_young=True)
    await other.flush(even_if_young=True)  # finds its own words there already
    tape.write("three\n")
    await other.pump(tape.path)
    await other.finish(())
    with pytest.raises(FenceLost):
        await one.finish([Said("warning", ("too late", "and different"))])
    assert texts(database, execution_id) == ["one", "two", "three"]


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    """The way to the database, which can be cut."""
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@on_a_loop
async def test_a_chunk_whose_answer_was_lost_is_stored_once(wire: Proxy, tape: Tape) -> None:
    database = Database(wire.url)
    execution_id = await asyncio.to_thread(make_running, database)
    capture = begin(database, execution_id)
    tape.write("one\n")
    await capture.pump(tape.path)
    wire.cut_at(b"COMMIT", delivered=True)
    await capture.flush(even_if_young=True)
    tape.write("two\n")
    await capture.pump(tape.path)
    end = await capture.finish(())
    assert texts(database, execution_id) == ["one", "two"]
    assert end.last_seq == 2
    database.close()


FRAMES = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.text("ab\n\r\x00é", max_size=12).map(str.encode)), max_size=12
)


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 12), max_size=3).map(sorted), stores=st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_reading_is_broken_off_the_log_is_the_same(
    sqlite_database: Database, tmp_path_factory: pytest.TempPathFactory, frames: Any, cuts: list[int], stores: bool
) -> None:
    async def read(breaks: Sequence[int]) -> list[tuple[str, str]]:
        tape = Tape(tmp_path_factory.mktemp("run") / "spool")
        execution_id = make_running(sqlite_database)
        at = 0
        for until in breaks:
            capture = begin(sqlite_database, execution_id)
            for stream, data in frames[at:until]:
                tape.write(data, stream=stream)
            at = max(at, until)
            await capture.pump(tape.path)
            if stores:
                await capture.flush(even_if_young=True)
        capture = begin(sqlite_database, execution_id)
        for stream, data in frames[at:]:
            tape.write(data, stream=stream)
        await capture.pump(tape.path)
        end = await capture.finish(())
        assert sqlite_database.fetch(queries.one, execution_id).result().status == "running"
        lines = stored(sqlite_database, execution_id)
        assert end.last_seq == len(lines)
        return [(numbered.kind, numbered.text) for numbered in lines]

    assert asyncio.run(read(cuts)) == asyncio.run(read(()))


@pytest.fixture
def sqlite_database(sqlite_database_url: str) -> Iterator[Database]:
    database = Database(sqlite_database_url)
    yield database
    database.close()
