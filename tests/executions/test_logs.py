"""A log is contiguous whoever writes it, comes back byte by byte, and a page costs the same wherever it begins."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable

from conselho.db.session import Database, Tx
from conselho.executions import leases, logs
from conselho.executions.logs import Line, NumberedLine
from conselho.executions.models import LogChunk, LogHead
from tests.conftest import Clock
from tests.executions.making import ANNA, LEASE, finish, make_claimed, make_lines, make_running

# Every example begins with an execution of its own, so that the database need not be a fresh one.
several_in_one_database = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def append(database: Database, execution_id: str, first_seq: int, lines: list[Line], fence: int = 1) -> bool:
    return database.submit(logs.append, logs.pack(execution_id, fence, first_seq, lines)).result()


def read(database: Database, execution_id: str, after: int = 0, limit: int = 1000) -> list[NumberedLine]:
    return database.fetch(logs.read_after, execution_id, after, limit).result()


def numbered(first: int, last: int, clock: Clock) -> list[Line]:
    return make_lines([f"line {number}" for number in range(first, last + 1)], clock)


def test_chunks_follow_each_other_without_gap_or_overlap(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    assert append(database, execution_id, 1, numbered(1, 100, clock))
    assert not append(database, execution_id, 1, numbered(1, 100, clock))
    assert not append(database, execution_id, 102, numbered(102, 150, clock))
    assert not append(database, execution_id, 101, numbered(101, 150, clock), fence=7)
    assert append(database, execution_id, 101, numbered(101, 250, clock))
    found = read(database, execution_id, 95, 10)
    assert [(line.seq, line.text) for line in found] == [(n, f"line {n}") for n in range(96, 106)]
    assert database.fetch(logs.head, execution_id).result().last_seq == 250


@several_in_one_database
@given(
    appends=st.lists(
        st.tuples(st.sampled_from(["current", "stale", "future"]), st.integers(-3, 3), st.integers(1, 5)), max_size=12
    ),
    adoptions=st.sets(st.integers(0, 11), max_size=3),
)
def test_whatever_is_appended_under_whatever_fence_the_lines_stay_contiguous(
    database: Database, clock: Clock, appends: list[tuple[str, int, int]], adoptions: set[int]
) -> None:
    execution_id = make_running(database)
    fence, expected = 1, 0
    for turn, (who, offset, count) in enumerate(appends):
        if turn in adoptions:
            database.submit(leases.adopt, ANNA.id, LEASE).result()
            fence += 1
        first_seq = max(1, expected + 1 + offset)
        told = fence + {"current": 0, "stale": -1, "future": 1}[who]
        is_next = who == "current" and first_seq == expected + 1
        assert append(database, execution_id, first_seq, numbered(first_seq, first_seq + count - 1, clock), told) is (
            is_next
        )
        expected += count if is_next else 0
    found = read(database, execution_id)
    assert [(line.seq, line.text) for line in found] == [(n, f"line {n}") for n in range(1, expected + 1)]
    assert database.fetch(logs.fenced_head, execution_id).result() == (
        fence,
        logs.Head(expected, sum(len(f"line {n}") + 1 for n in range(1, expected + 1))),
    )
    assert finish(database, execution_id, fence)


def test_a_log_that_was_never_begun_is_empty_and_takes_no_lines(database: Database, clock: Clock) -> None:
    execution_id = make_claimed(database)
    assert database.fetch(logs.head, execution_id).result() == logs.Head(0, 0)
    assert database.fetch(logs.fenced_head, execution_id).result() is None
    assert read(database, execution_id) == []
    assert not append(database, execution_id, 1, numbered(1, 1, clock))


def test_bytes_that_are_no_text_come_back_as_they_were(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    odd = b"caf\xe9 \x00 \x1b[31mred\r\xff\xfe"
    assert append(database, execution_id, 1, make_lines([odd.decode("utf-8", "surrogateescape")], clock))
    (found,) = read(database, execution_id)
    assert found.text.encode("utf-8", "surrogateescape") == odd
    assert logs.shown(found.text) == "caf� \x00 \x1b[31mred\r��"


@several_in_one_database
@given(data=st.binary(max_size=300))
def test_any_bytes_come_back_as_they_were(database: Database, clock: Clock, data: bytes) -> None:
    execution_id = make_running(database)
    append(database, execution_id, 1, make_lines([data.decode("utf-8", "surrogateescape")], clock))
    (found,) = read(database, execution_id)
    assert found.text.encode("utf-8", "surrogateescape") == data
    logs.shown(found.text).encode("utf-8")


def test_a_line_keeps_its_moment_its_kind_and_what_it_has_to_tell(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    second = clock() + timedelta(microseconds=1)
    before_both = clock() - timedelta(seconds=2)  # the clock was set back between two lines
    lines = [
        Line(clock(), "stdout", "a"),
        Line(second, "tool", "b", {"path": "x"}),
        Line(before_both, "stderr", "", {}),
    ]
    append(database, execution_id, 1, lines)
    assert [each[1:] for each in read(database, execution_id)] == [tuple(line) for line in lines]
    chunk = database.fetch(lambda tx: tx.session.query(LogChunk).one()).result()
    assert (chunk.first_at, chunk.last_at, chunk.line_count, chunk.codec) == (before_both, second, 3, logs.CODEC)


def test_chunks_that_follow_each_other_are_stored_together_or_not_at_all(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    ends = (0, 100, 200, 230)
    chunks = [
        logs.pack(execution_id, 1, before + 1, numbered(before + 1, last, clock))
        for before, last in itertools.pairwise(ends)
    ]
    assert not database.submit(logs.append, *chunks[1:]).result()
    assert database.submit(logs.append, *chunks).result()
    assert not database.submit(logs.append, *chunks).result()
    assert [each.text for each in read(database, execution_id)] == [f"line {n}" for n in range(1, 231)]
    head = database.fetch(logs.head, execution_id).result()
    assert (head.last_seq, head.bytes) == (230, sum(len(f"line {n}") + 1 for n in range(1, 231)))


def test_lines_are_cut_into_chunks_where_one_is_full(clock: Clock) -> None:
    def counts(texts: list[str], *, rest: bool) -> list[int]:
        return [len(portion) for portion in logs.portions(make_lines(texts, clock), rest=rest)]

    assert counts(["x"] * 250, rest=False) == [100, 100]
    assert counts(["x"] * 250, rest=True) == [100, 100, 50]
    large = "x" * (logs.CHUNK_CHARACTERS - 1)
    assert counts(["a", large, "b", large], rest=True) == [2, 2]
    assert counts([large, "b"], rest=False) == [1]
    assert counts([], rest=True) == []


def test_a_page_holds_no_more_lines_than_were_asked_for(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    for first in range(1, 1301, 100):
        append(database, execution_id, first, numbered(first, first + 99, clock))
    assert [line.seq for line in read(database, execution_id, limit=7)] == list(range(1, 8))
    assert [line.seq for line in read(database, execution_id, after=98, limit=4)] == [99, 100, 101, 102]
    assert [line.seq for line in read(database, execution_id, limit=5000)] == list(range(1, 1001))
    assert [line.seq for line in read(database, execution_id, after=1298)] == [1299, 1300]
    assert read(database, execution_id, after=1300) == []
    assert read(database, execution_id, after=10**9) == []


def test_a_page_holds_no_more_bytes_than_it_may_but_always_a_line(database: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    large = "x" * 400_000
    append(database, execution_id, 1, make_lines([large, large, large, "small"], clock))
    append(database, execution_id, 5, make_lines(["y" * (logs.PAGE_BYTES_MAX + 1), "last"], clock))
    pages: list[list[int]] = []
    after = 0
    while page := read(database, execution_id, after):
        pages.append([line.seq for line in page])
        after = page[-1].seq
    assert pages == [[1, 2], [3, 4], [5], [6]]


class CountingTx:
    """What `logs` needs of a transaction, with a count of the statements."""

    def __init__(self, tx: Tx) -> None:
        self.statements = 0
        self._tx = tx

    def execute(self, statement: Executable, parameters: object = None) -> object:
        self.statements += 1
        return self._tx.execute(statement, parameters)  # type: ignore[arg-type]


@pytest.fixture
def long_log(database: Database, clock: Clock) -> str:
    """100,000 lines in chunks of a hundred, written as rows because nobody asks here how they came."""
    execution_id = make_running(database)
    chunk = logs.pack(execution_id, 1, 1, numbered(1, 100, clock))

    def fill(tx: Tx) -> None:
        row = {name: getattr(chunk, name) for name in ("execution_id", "line_count", "first_at", "last_at", "data")}
        rows = [row | {"first_seq": first, "codec": logs.CODEC} for first in range(1, 100_001, 100)]
        tx.execute(LogChunk.__table__.insert(), rows)  # type: ignore[attr-defined]
        tx.execute(LogHead.__table__.update().values(last_seq=100_000))  # type: ignore[attr-defined]

    database.submit(fill).result()
    return execution_id


def test_a_page_of_a_long_log_costs_the_same_wherever_it_begins(database: Database, long_log: str) -> None:
    def cost(tx: Tx, after: int) -> tuple[int, int, int]:
        counting = CountingTx(tx)
        lines = logs.read_after(counting, long_log, after, 200)  # type: ignore[arg-type]
        return lines[0].seq, len(lines), counting.statements

    for after in (0, 50, 50_000, 99_800):
        assert database.fetch(cost, after).result() == (after + 1, 200, 1)
