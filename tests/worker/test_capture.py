"""What a run prints is stored whole and once, in chunks that fill, whatever happened to the worker in between."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conselho.db.session import Database, Tx
from conselho.executions import leases, logs
from conselho.executions.models import LogChunk
from conselho.executions.verdict import Ending
from conselho.providers import registry
from conselho.providers.base import Said
from conselho.worker import capture, recorder
from conselho.worker.capture import Capture, FenceLost
from tests.executions.making import ANNA, LEASE, make_running


class Spool:
    """A spool that grows when the test says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = recorder.FrameFile(str(path))

    def add(self, *pieces: bytes) -> None:
        assert all(self._file.append((recorder.STDOUT, 1_700_000_000_000_000, piece)) for piece in pieces)

    def close(self) -> None:
        os.close(self._file.fd)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def begin(database: Database, execution_id: str, fence: int = 1) -> Capture:
    stored = database.fetch(logs.head, execution_id).result()
    return Capture(database, execution_id, fence, registry.find("command"), stored)


def chunks(database: Database) -> list[tuple[int, int]]:
    def find(tx: Tx) -> list[tuple[int, int]]:
        return [(each.first_seq, each.line_count) for each in tx.session.query(LogChunk).order_by(LogChunk.first_seq)]

    return database.fetch(find).result()


def texts(database: Database, execution_id: str) -> list[str]:
    found: list[str] = []
    while page := database.fetch(logs.read_after, execution_id, len(found)).result():
        found += [each.text for each in page]
    return found


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last + 1))


def test_chunks_are_stored_when_they_are_full_and_the_rest_when_it_is_old(database: Database, spool: Spool) -> None:
    execution_id = make_running(database)
    reading = begin(database, execution_id)
    spool.add(numbered(1, 250))
    asyncio.run(reading.pump(spool.path))
    assert chunks(database) == [(1, 100), (101, 100)]
    left = asyncio.run(reading.flush())
    assert left is None or left <= capture.FLUSH_SECONDS
    asyncio.run(reading.flush(even_if_young=True))
    assert chunks(database) == [(1, 100), (101, 100), (201, 50)]
    assert texts(database, execution_id) == [f"line {number}" for number in range(1, 251)]


def test_a_flood_is_stored_in_order_and_the_remarks_come_last(database: Database, spool: Spool) -> None:
    execution_id = make_running(database)
    reading = begin(database, execution_id)
    data = numbered(1, 12_345) + b"no end"
    spool.add(*(data[at : at + 10_000] for at in range(0, len(data), 10_000)))

    async def read() -> None:
        await reading.pump(spool.path)
        await reading.finish([Said("warning", ("[left]",), speaks=False)])

    asyncio.run(read())
    assert texts(database, execution_id) == [*(f"line {n}" for n in range(1, 12_346)), "no end", "[left]"]
    assert {count for _, count in chunks(database)[:-1]} == {100}
    assert reading.verdict.decide(Ending(ok=True, kind="succeeded", sentence="")).summary == "no end"


@pytest.mark.parametrize("printed_before", [0, 1, 100, 150, 999, 1_000])
def test_after_a_restart_the_lines_that_are_stored_are_skipped(
    database: Database, spool: Spool, printed_before: int
) -> None:
    execution_id = make_running(database)
    spool.add(numbered(1, printed_before))

    async def read(reading: Capture) -> None:
        await reading.pump(spool.path)
        await reading.finish(())

    asyncio.run(read(begin(database, execution_id)))
    assert len(texts(database, execution_id)) == printed_before
    spool.add(numbered(printed_before + 1, 1_250))
    again = begin(database, execution_id)
    asyncio.run(read(again))
    assert texts(database, execution_id) == [f"line {number}" for number in range(1, 1_251)]
    assert again.verdict.decide(Ending(ok=True, kind="succeeded", sentence="")).summary == "line 1250"


def test_whoever_lost_the_fence_stores_no_line(database: Database, spool: Spool) -> None:
    execution_id = make_running(database)
    reading = begin(database, execution_id)
    database.submit(leases.adopt, ANNA.id, LEASE).result()
    spool.add(numbered(1, 500))
    with pytest.raises(FenceLost):
        asyncio.run(reading.pump(spool.path))
    assert texts(database, execution_id) == []
