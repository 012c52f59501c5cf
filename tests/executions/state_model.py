"""What should happen to executions? A model so small that it can be seen to be right.

Plain Python over a list of runs: it knows neither SQL nor transactions, and does one act after the other. Each act
answers what the product should answer (a refusal as the class of its error) and notes the events it should tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from conselho import errors
from conselho.executions.leases import LOSS_RETRIES_MAX, Patience
from conselho.executions.queue import IDEMPOTENCY_KEPT, Holder
from conselho.executions.request import Request
from conselho.executions.states import ACTIVE, Status
from tests.conftest import Clock

LEASE = timedelta(seconds=20)
PATIENCE = Patience(lease=LEASE, outage=timedelta(seconds=15), lost_after=timedelta(seconds=50))
UNNAMED = ""  # the id of a retry that the product made by itself, until it is learned


@dataclass
class Run:
    """One execution as it should be."""

    id: str
    request: Request
    not_before: datetime | None
    status: Status = Status.QUEUED
    fence: int = 0
    worker_id: str | None = None
    lease_until: datetime | None = None
    unreachable_since: datetime | None = None
    is_cancel_wanted: bool = False
    log: list[str] = field(default_factory=list)
    log_fence: int | None = None
    log_lines: int = 0  # as its outcome says
    has_note: bool = False
    told: list[str] = field(default_factory=list)

    @property
    def is_active(self) -> bool:
        """Somebody holds it."""
        return self.status in ACTIVE


@dataclass
class Key:
    """What an idempotency key made."""

    request: Request
    execution_id: str
    created_at: datetime


class Model:
    """Everything the database should hold, and how each act changes it."""

    def __init__(self, clock: Clock) -> None:
        self.runs: list[Run] = []
        self.keys: dict[str, Key] = {}
        self.seen_at: datetime | None = None
        self._clock = clock

    def submit(self, request: Request, new_id: str, key: str | None) -> object:
        """The id of the execution that should answer for the request."""
        if key is not None:
            earlier = self.keys.get(key)
            if earlier is not None and self._clock() - earlier.created_at <= IDEMPOTENCY_KEPT:
                return earlier.execution_id if earlier.request == request else errors.Invalid
            self.keys[key] = Key(request, new_id, self._clock())
        self.runs.append(Run(new_id, request, request.not_before, told=["execution.queued"]))
        return new_id

    def claim(self, holder: Holder, seats: int) -> list[str]:
        """Highest priority first, then the oldest, none without room in all its lanes."""
        claimed: list[str] = []
        for _ in range(seats):
            able = [run for run in self.runs if self._may_start(run)]
            if not able:
                break
            run = min(able, key=lambda each: (-each.request.priority, each.id))
            run.status, run.fence, run.worker_id = Status.CLAIMED, run.fence + 1, holder.id
            run.lease_until = self._clock() + LEASE
            run.told.append("execution.claimed")
            claimed.append(run.id)
        return claimed

    def start(self, run: Run, fence: int) -> bool:
        """The intent is written under the fence in force, and not once an end was asked for."""
        if not self._is_held(run, fence, Status.CLAIMED) or run.is_cancel_wanted:
            return False
        run.status, run.lease_until, run.log_fence = Status.RUNNING, self._clock() + LEASE, fence
        run.told.append("execution.started")
        return True

    def renew(self, worker_id: str, lease: timedelta) -> set[str]:
        """All that the worker holds, reachable again."""
        held = list(self._held_by(worker_id))
        for run in held:
            run.lease_until, run.unreachable_since = self._clock() + lease, None
        return {run.id for run in held}

    def append(self, run: Run, fence: int, first_seq: int, texts: list[str]) -> bool:
        """Only right behind the last line, under the log's fence."""
        if run.log_fence != fence or first_seq != len(run.log) + 1:
            return False
        run.log += texts
        return True

    def finish(self, run: Run, fence: int, source: Status, status: Status, last_seq: int) -> object:
        """Once, by the holder of the fence, and not before the log is whole."""
        if last_seq > len(run.log):
            return errors.Conflict
        if not self._is_held(run, fence, source):
            run.has_note = run.has_note or run.status is Status.LOST
            return False
        self._end(run, status, last_seq)
        return True

    def lose(self, run: Run, fence: int) -> bool:
        """Ended as lost by its holder; another takes its place where that was asked for."""
        if self.finish(run, fence, Status.RUNNING, Status.LOST, len(run.log)) is not True:
            return False
        self._retry_on_loss(run)
        return True

    def give_back(self, run: Run, fence: int, source: Status, later: datetime | None) -> bool:
        """Back into the queue; ended instead where that was asked for."""
        if not self._is_held(run, fence, source):
            return False
        if run.is_cancel_wanted:
            self._end(run, Status.CANCELLED, 0)
            return True
        run.status, run.worker_id, run.lease_until, run.unreachable_since = Status.QUEUED, None, None, None
        run.not_before = later or run.not_before
        run.told.append("execution.requeued")
        return True

    def cancel(self, run: Run) -> object:
        """A queued one ends at once, a held one is asked to, an ended one is refused."""
        if run.status.is_terminal:
            return errors.Conflict
        if run.status is Status.QUEUED:
            self._end(run, Status.CANCELLED, 0)
        else:
            run.is_cancel_wanted = True
        return run.status

    def retry(self, run: Run, new_id: str) -> object:
        """A new execution of what an ended one was asked to do."""
        if not run.status.is_terminal:
            return errors.Conflict
        again = replace(
            run.request,
            origin="retry",
            retry_of=run.id,
            attempt=run.request.attempt + 1,
            not_before=None,
            start_before=None,
        )
        return self.submit(again, new_id, None)

    def adopt(self, worker_id: str) -> set[str]:
        """All that the worker held, under raised fences, those of their logs with them."""
        held = list(self._held_by(worker_id))
        for run in held:
            run.fence, run.unreachable_since, run.lease_until = run.fence + 1, None, self._clock() + LEASE
            run.log_fence = None if run.log_fence is None else run.fence
        return {run.id for run in held}

    def rescue(self) -> None:
        """One look for silent workers and for deadlines; after an outage it forgives instead."""
        now = self._clock()
        seen_at, self.seen_at = self.seen_at, now
        if seen_at is None or now - seen_at > PATIENCE.outage:
            self._forgive(now - (seen_at or now))
            return
        for run in [run for run in self.runs if run.is_active and run.lease_until < now]:  # type: ignore[operator]
            self._rescue(run)
        for run in self.runs:
            deadline = run.request.start_before
            if run.status is Status.QUEUED and deadline is not None and deadline <= now:
                self._end(run, Status.EXPIRED, 0)

    def forget_keys(self) -> None:
        """A key lives for a week."""
        old = [key for key, made in self.keys.items() if self._clock() - made.created_at > IDEMPOTENCY_KEPT]
        for key in old:
            del self.keys[key]

    def name(self, new_ids: list[str]) -> None:
        """Learn the ids of the retries that the product made by itself, in the order it made them."""
        unnamed = [run for run in self.runs if run.id == UNNAMED]
        assert len(unnamed) == len(new_ids)
        for run, new_id in zip(unnamed, new_ids, strict=True):
            run.id = new_id

    def _rescue(self, run: Run) -> None:
        if run.status is Status.CLAIMED:
            self.give_back(run, run.fence, Status.CLAIMED, None)
        elif run.request.retry_on_loss:
            self._give_up(run)
        elif run.unreachable_since is None:
            run.unreachable_since = self._clock()
            run.told.append("execution.unreachable")
        elif run.unreachable_since <= self._clock() - PATIENCE.lost_after:
            self._give_up(run)

    def _give_up(self, run: Run) -> None:
        self._end(run, Status.LOST, len(run.log))
        run.log_fence = None  # what a worker that comes back has to tell is kept as a note
        self._retry_on_loss(run)

    def _retry_on_loss(self, run: Run) -> None:
        if run.request.retry_on_loss and run.request.attempt <= LOSS_RETRIES_MAX:
            self.retry(run, UNNAMED)

    def _forgive(self, gap: timedelta) -> None:
        for run in self.runs:
            if run.is_active and run.lease_until is not None:
                run.lease_until = max(run.lease_until, self._clock() + LEASE)
                run.unreachable_since = run.unreachable_since and run.unreachable_since + gap

    def _end(self, run: Run, status: Status, log_lines: int) -> None:
        run.status, run.log_lines, run.lease_until, run.unreachable_since = status, log_lines, None, None
        run.told.append("execution.finished")

    def _is_held(self, run: Run, fence: int, source: Status) -> bool:
        return (run.status, run.fence) == (source, fence)

    def _held_by(self, worker_id: str) -> Iterator[Run]:
        return (run for run in self.runs if run.is_active and run.worker_id == worker_id)

    def _may_start(self, run: Run) -> bool:
        now, deadline = self._clock(), run.request.start_before
        if run.status is not Status.QUEUED or (run.not_before or now) > now or (deadline and deadline <= now):
            return False
        return all(len(held := self._rooms(lane.key)) < min([lane.room, *held]) for lane in run.request.lanes)

    def _rooms(self, key: str) -> list[int]:
        """How much room each of those in a lane would leave."""
        return [lane.room for run in self.runs if run.is_active for lane in run.request.lanes if lane.key == key]
