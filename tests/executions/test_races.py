"""Two processes want the same thing at the same moment: one gets it, and nothing is given twice.

On PostgreSQL two `Database`s stand for two processes; SQLite has one writer, so there they share it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest

from conselho import ids
from conselho.db.session import Database
from conselho.executions import counters, endings, logs, queue
from conselho.executions.request import Lane
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import (
    ANNA,
    BRUNO,
    claim,
    finish,
    make_lines,
    make_outcome,
    make_queued,
    make_request,
    make_running,
    one,
    start,
    told,
)

T = TypeVar("T")
ROUNDS = 20


@pytest.fixture
def rival(database: Database, database_url: str) -> Iterator[Database]:
    """Another process's database, where there can be one."""
    if not database_url.startswith("postgresql"):
        yield database
        return
    other = Database(database_url)
    yield other
    other.close()


def at_once(*acts: Callable[[], T]) -> list[T]:
    """Do all of it as simultaneously as threads can."""
    line = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        line.wait(20)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result(60) for each in [pool.submit(run, act) for act in acts]]


def test_fifty_at_once_under_one_key_make_one_execution(database: Database, rival: Database) -> None:
    wish = make_request()
    futures: list[Future[str]] = []
    line = threading.Barrier(2)

    def ask(which: Database) -> list[Future[str]]:
        line.wait(20)
        return [which.submit(queue.enqueue, wish, ids.new(), "one key") for _ in range(25)]

    with ThreadPoolExecutor(2) as pool:
        for asked in [pool.submit(ask, which) for which in (database, rival)]:
            futures += asked.result(20)
    (made,) = {each.result(20) for each in futures}
    assert claim(database, seats=9) == [made]
    assert told(database).count("execution.queued") == 1


def test_a_lane_with_room_for_one_never_holds_two(database: Database, rival: Database) -> None:
    lanes = (Lane(key="agent:ana", room=1),)
    waiting = {make_queued(database, lanes=lanes) for _ in range(ROUNDS)}
    for _ in range(ROUNDS):
        one_got, other_got = at_once(lambda: claim(database, ANNA, seats=5), lambda: claim(rival, BRUNO, seats=5))
        (claimed,) = one_got + other_got
        waiting.remove(claimed)
        start(database, claimed)
        assert finish(database, claimed)
    assert not waiting


def test_no_execution_is_given_to_two_workers(database: Database, rival: Database) -> None:
    made = [make_queued(database) for _ in range(40)]
    holders = [queue.Holder(ids.new(), f"worker {number}") for number in range(4)]

    def take(which: Database, holder: queue.Holder) -> list[str]:
        taken: list[str] = []
        while got := claim(which, holder, seats=3):
            taken += got
        return taken

    takers = [
        lambda which=which, holder=holder: take(which, holder)
        for which, holder in zip((database, rival) * 2, holders, strict=True)
    ]
    taken = at_once(*takers)
    assert sorted(each for some in taken for each in some) == sorted(made)
    assert {one(database, each).fence for each in made} == {1}


def test_of_two_outcomes_one_wins_and_is_counted_once(database: Database, rival: Database) -> None:
    for _ in range(5):
        execution_id = make_running(database)
        won = at_once(
            lambda: finish(database, execution_id),  # noqa: B023 - done before the next round
            lambda: finish(rival, execution_id, status=Status.FAILED, severity="error"),  # noqa: B023
        )
        assert sorted(won) == [False, True]
        assert one(database, execution_id).status == ("succeeded" if won[0] else "failed")
    assert database.fetch(counters.counted).result()["total"] == 5
    assert told(database).count("execution.finished") == 5


def test_an_end_and_a_cancel_at_once_leave_one_outcome(database: Database, rival: Database) -> None:
    for _ in range(5):
        execution_id = make_running(database)

        def cancel(which: Database = rival, asked: str = execution_id) -> str:
            error = which.submit(endings.request_cancel, asked).exception(20)
            return "asked" if error is None else type(error).__name__

        _, said = at_once(lambda: str(finish(database, execution_id)), cancel)  # noqa: B023
        assert said in {"asked", "Conflict"}
        assert one(database, execution_id).status == "succeeded"


def test_a_start_and_a_cancel_at_once_never_both_win_unseen(database: Database, rival: Database) -> None:
    """Either the intent came first, and the run is asked to end; or it did not come at all."""
    for _ in range(5):
        execution_id = make_queued(database)
        assert claim(database) == [execution_id]
        started, _ = at_once(
            lambda: start(database, execution_id),  # noqa: B023
            lambda: bool(rival.submit(endings.request_cancel, execution_id).result(20)),  # noqa: B023
        )
        row = one(database, execution_id)
        assert row.cancel_requested_at is not None
        assert row.status == ("running" if started else "claimed")
        assert database.submit(queue.give_back, execution_id, 1, source=Status(row.status)).result()
        assert one(database, execution_id).status == "cancelled"


def test_of_two_appends_of_the_same_lines_one_is_stored(database: Database, rival: Database, clock: Clock) -> None:
    execution_id = make_running(database)
    for first in range(1, 51, 5):
        chunks = [logs.pack(execution_id, 1, first, make_lines([f"{who}"] * 5, clock)) for who in ("a", "b")]
        stored = at_once(
            lambda: database.submit(logs.append, chunks[0]).result(20),  # noqa: B023
            lambda: rival.submit(logs.append, chunks[1]).result(20),  # noqa: B023
        )
        assert sorted(stored) == [False, True]
    lines = database.fetch(logs.read_after, execution_id, 0).result()
    assert [line.seq for line in lines] == list(range(1, 51))
    assert all(count % 5 == 0 for count in Counter(line.text for line in lines).values())


def test_a_rescue_and_an_end_at_once_leave_one_outcome(database: Database, rival: Database) -> None:
    for _ in range(5):
        execution_id = make_running(database)
        row = one(database, execution_id)
        lost = endings.lost("silent", endings.LogEnd(0, 0))
        won = at_once(
            lambda: finish(database, execution_id),  # noqa: B023
            lambda: rival.submit(endings.end_by_rule, row, Status.RUNNING, lost).result(20),  # noqa: B023
        )
        assert sorted(won) == [False, True]
        assert one(database, execution_id).status == ("succeeded" if won[0] else "lost")


def test_two_groups_that_finish_and_count_do_not_deadlock(database: Database, rival: Database) -> None:
    made = [make_running(database, agent_id=f"a{number % 3}") for number in range(30)]

    def end(which: Database, some: list[str]) -> int:
        futures = [which.submit(endings.finish, each, 1, make_outcome()) for each in some]
        return sum(each.result(30) for each in futures)

    assert at_once(lambda: end(database, made[::2]), lambda: end(rival, made[1::2][::-1])) == [15, 15]
    assert database.fetch(counters.counted).result()["total"] == 30
