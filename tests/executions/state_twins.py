"""The product and its model, side by side: do both answer the same to every act, and look the same afterwards?"""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TypeVar

from conselho import errors, ids
from conselho.db.session import Database
from conselho.executions import endings, leases, logs, queue
from conselho.executions.endings import LogEnd
from conselho.executions.leases import WorkerFacts
from conselho.executions.queue import Holder
from conselho.executions.request import Request
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions import state_picture
from tests.executions.making import make_lines, make_outcome
from tests.executions.state_model import LEASE, PATIENCE, Model, Run

T = TypeVar("T")
ANSWER_SECONDS = 60.0


class Twins:
    """One database, emptied, and the model of what should be in it; the clock is moved by hand."""

    def __init__(self, open_database: Callable[[], Database], clock: Clock) -> None:
        self.clock = clock
        self.model = Model(clock)
        self._open = open_database
        self._database = open_database()
        done(self._database.submit(state_picture.wipe))
        self._picture = done(self._database.fetch(state_picture.take))

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def reopen(self) -> None:
        """The process ends, and another one takes its place."""
        self._database.close()
        self._database = self._open()

    def check(self) -> None:
        """Look at all rows: every promise holds, and they are what the model says."""
        before, self._picture = self._picture, done(self._database.fetch(state_picture.take))
        known = {run.id for run in self.model.runs}
        self.model.name([each for each in self._picture.rows if each not in known])
        state_picture.check(self._picture, before)
        self._compare()

    def submit(self, request: Request, key: str | None) -> None:
        new_id = ids.new()
        got = answer(self._database.submit(queue.enqueue, request, new_id, key))
        assert got == self.model.submit(request, new_id, key)

    def claim(self, worker: Holder, seats: int) -> None:
        got = done(self._database.submit(queue.claim, worker, seats, LEASE))
        assert [row.id for row in got] == self.model.claim(worker, seats)

    def start(self, run: Run, fence: int) -> None:
        got = done(self._database.submit(queue.start, run.id, fence, LEASE))
        assert got is self.model.start(run, fence)

    def append(self, run: Run, fence: int, first_seq: int, count: int) -> None:
        texts = [f"line {first_seq + number}" for number in range(count)]
        chunk = logs.pack(run.id, fence, first_seq, make_lines(texts, self.clock))
        got = done(self._database.submit(logs.append, chunk))
        assert got is self.model.append(run, fence, first_seq, texts)

    def finish(self, run: Run, fence: int, source: Status, status: Status, last_seq: int) -> None:
        outcome = make_outcome(status=status, duration_seconds=0.5, log=LogEnd(last_seq, 0))
        got = answer(self._database.submit(endings.finish, run.id, fence, outcome, source))
        assert got == self.model.finish(run, fence, source, status, last_seq)

    def lose(self, run: Run, fence: int) -> None:
        lost = endings.lost("the host restarted", LogEnd(len(run.log), 0))
        got = done(self._database.submit(leases.lose, run.id, fence, lost))
        assert got is self.model.lose(run, fence)

    def give_back(self, run: Run, fence: int, source: Status, later: datetime | None) -> None:
        unit = self._database.submit(queue.give_back, run.id, fence, source=source, not_before=later)
        assert done(unit) is self.model.give_back(run, fence, source, later)

    def cancel(self, run: Run) -> None:
        assert answer(self._database.submit(endings.request_cancel, run.id)) == self.model.cancel(run)

    def retry(self, run: Run) -> None:
        new_id = ids.new()
        assert answer(self._database.submit(queue.retry, run.id, new_id)) == self.model.retry(run, new_id)

    def renew(self, worker: Holder, lease: timedelta) -> None:
        got = done(self._database.submit(leases.renew, worker.id, lease))
        assert {row.id for row in got} == self.model.renew(worker.id, lease)

    def join(self, worker: Holder) -> None:
        facts = WorkerFacts(id=worker.id, name=worker.name, host="h", pid=1, boot_id="b", seats=1)
        done(self._database.submit(leases.join, facts))
        self.adopt(worker)

    def adopt(self, worker: Holder) -> None:
        got = done(self._database.submit(leases.adopt, worker.id, LEASE))
        assert {row.id for row in got} == self.model.adopt(worker.id)

    def rescue(self) -> None:
        assert done(self._database.submit(leases.rescue_next, PATIENCE)) is False
        self.model.rescue()

    def forget_keys(self) -> None:
        done(self._database.submit(queue.forget_keys))
        self.model.forget_keys()

    def _compare(self) -> None:
        found = self._picture
        assert found.rows.keys() == {run.id for run in self.model.runs}
        made = {key: made.execution_id for key, made in self.model.keys.items()}
        assert {key: row.execution_id for key, row in found.keys.items()} == made
        for run in self.model.runs:
            row = found.rows[run.id]
            assert (row.status, row.fence, row.worker_id) == (run.status, run.fence, run.worker_id)
            assert (row.lease_until, row.unreachable_since) == (run.lease_until, run.unreachable_since)
            assert (row.not_before, row.cancel_requested_at is not None) == (run.not_before, run.is_cancel_wanted)
            assert (row.log_lines, row.note is not None) == (run.log_lines, run.has_note)
            assert (row.retry_of, row.attempt) == (run.request.retry_of, run.request.attempt)
            assert [event.kind for event in found.told(run.id)] == run.told
            assert [numbered.text for numbered in found.lines.get(run.id, [])] == run.log


def done(unit: Future[T]) -> T:
    """What a unit answered, once it is durable."""
    return unit.result(ANSWER_SECONDS)


def answer(unit: Future[T]) -> object:
    """The same, and of a refusal its class."""
    try:
        return done(unit)
    except errors.Refused as refused:
        return type(refused)
