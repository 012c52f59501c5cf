"""A log read from its end: the same lines as from its beginning, however it is kept."""

from itertools import islice

from conselho import ids
from conselho.db.session import Database, Tx
from conselho.executions import log_tail
from conselho.executions.logs import NumberedLine
from tests.conftest import Clock
from tests.executions.test_compaction import compact_all, lines_of, make_log

SIZES = (1, 100, 3, 100, 57)


def read(database: Database, execution_id: str, most: int | None = None) -> list[NumberedLine]:
    return database.fetch(lambda tx: list(islice(log_tail.backwards(tx, execution_id), most))).result()


def test_lines_come_the_last_one_first(database: Database, clock: Clock) -> None:
    execution_id = make_log(database, clock, SIZES)
    expected = lines_of(database, execution_id)[::-1]
    assert read(database, execution_id) == expected
    assert read(database, execution_id, 60) == expected[:60]
    compact_all(database)
    assert read(database, execution_id) == expected


def test_without_a_log_there_are_none(database: Database) -> None:
    assert read(database, ids.new()) == []


def test_no_line_comes_twice_where_chunks_are_put_together_meanwhile(database: Database, clock: Clock) -> None:
    execution_id = make_log(database, clock, SIZES)
    expected = lines_of(database, execution_id)[::-1]

    def meanwhile(tx: Tx) -> list[NumberedLine]:
        lines = log_tail.backwards(tx, execution_id)
        found = list(islice(lines, 150))
        compact_all(database)
        return found + list(lines)

    assert database.fetch(meanwhile).result() == expected
