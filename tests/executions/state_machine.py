"""Which acts does the walk of `test_state_machine.py` make, and on which execution?

An act often goes on with the execution of the one before, and else picks one by a number: those that it fits come
first, the others show that the act changes nothing where it does not belong. The rules are few, each with
several acts, because Hypothesis leaves out about half of the rules in each walk to go deeper with the others; for
the same reason a walk begins with executions that are under way already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from conselho import ids
from conselho.db.session import Database
from conselho.executions.leases import LOSS_RETRIES_MAX
from conselho.executions.queue import Holder
from conselho.executions.request import Lane, Request
from conselho.executions.states import ACTIVE, OPEN, TERMINAL, Status
from tests.conftest import Clock
from tests.executions.making import make_request
from tests.executions.state_model import LEASE, Run
from tests.executions.state_twins import Twins

REPORTS = {
    Status.CLAIMED: ("start", "start", "start", "fail", "give_back", "start"),
    Status.RUNNING: ("append", "overlap", "prove", "lose", "succeeded", "failed", "timed_out", "cancelled"),
}
SAME = 3  # numbers below pick the execution that was picked before: what goes wrong goes wrong with one
LANES = ((), (), (Lane(key="x", room=1),), (Lane(key="x", room=2),), (Lane(key="x", room=1), Lane(key="y", room=2)))
LOOK = timedelta(seconds=10)  # between two rescues of a server that runs
GAPS = (timedelta(0), timedelta(seconds=6), timedelta(seconds=40), timedelta(days=8))


@dataclass(frozen=True)
class Wish:
    """A request whose moments are still to be counted from now."""

    lanes: tuple[Lane, ...]
    priority: int
    wait_seconds: int | None
    deadline_seconds: int | None  # after the wait
    retry_on_loss: bool
    attempt: int


which = st.integers(0, 5)
workers = st.sampled_from([0, 0, 1])
seldom = st.sampled_from([False, False, True])
often = st.sampled_from([True, True, False])
wishes = st.builds(
    Wish,
    lanes=st.sampled_from(LANES),
    priority=st.integers(-1, 1),
    wait_seconds=st.sampled_from([None, None, None, 5, 25]),
    deadline_seconds=st.sampled_from([None, None, 5, 30]),
    retry_on_loss=seldom,
    attempt=st.sampled_from([1, LOSS_RETRIES_MAX, LOSS_RETRIES_MAX + 1]),
)


class Executions(RuleBasedStateMachine):
    """Two workers, and whatever may happen to what they hold."""

    def __init__(self, open_database: Callable[[], Database], clock: Clock) -> None:
        super().__init__()
        self._twins = Twins(open_database, clock)
        self._workers = [Holder(ids.new(), name) for name in ("anna", "bruno")]
        self._picked: Run | None = None

    def teardown(self) -> None:
        """The next walk opens its own."""
        self._twins.close()

    @initialize(wishes=st.lists(wishes, min_size=1, max_size=4), seats=st.integers(0, 3), started=st.integers(0, 3))
    def begin(self, wishes: list[Wish], seats: int, started: int) -> None:
        for wish in wishes:
            self._twins.submit(self._request(wish), None)
        self._twins.claim(self._workers[0], seats)
        for run in self._twins.model.runs[:started]:
            self._twins.start(run, run.fence)

    @rule()
    def carry_on(self) -> None:
        """What comes next where nothing goes wrong, of the oldest that is open."""
        run = next((run for run in self._twins.model.runs if run.status in OPEN), None)
        if run is None:
            self._twins.submit(make_request(), None)
            return
        match run.status:
            case Status.QUEUED:
                self._twins.claim(self._workers[0], 1)
            case Status.CLAIMED if run.is_cancel_wanted:
                self._twins.give_back(run, run.fence, Status.CLAIMED, None)
            case Status.CLAIMED:
                self._twins.start(run, run.fence)
            case Status.RUNNING if not run.log:
                self._twins.append(run, run.fence, 1, 2)
            case Status.RUNNING:
                self._twins.finish(run, run.fence, Status.RUNNING, Status.SUCCEEDED, len(run.log))

    @rule(wish=wishes, key=st.sampled_from([None, None, "a", "b"]), is_repeated=st.booleans())
    def submit(self, wish: Wish, key: str | None, is_repeated: bool) -> None:
        made = self._twins.model.keys.get(key or "")
        self._twins.submit(made.request if made and is_repeated else self._request(wish), key)

    @rule(who=workers, seats=st.integers(1, 3))
    def claim(self, who: int, seats: int) -> None:
        self._twins.claim(self._workers[who], seats)

    @rule(act=st.integers(0, 23), which=which, fits=often, is_stale=seldom, is_wrong=seldom)
    def report(self, act: int, which: int, fits: bool, is_stale: bool, is_wrong: bool) -> None:
        """What a worker says of what it holds, rightly or not; `is_wrong`: of its log, or when."""
        run = self._pick(which, *ACTIVE)
        fence = run.fence - is_stale
        acts = REPORTS[run.status] if fits and run.status in REPORTS else sum(REPORTS.values(), ())
        match acts[act % len(acts)]:
            case "start":
                self._twins.start(run, fence)
            case "append":
                self._twins.append(run, fence, len(run.log) + 1 + is_wrong, 2)
            case "overlap":
                self._twins.append(run, fence, max(len(run.log), 1), 2)
            case "fail":
                self._twins.finish(run, fence, Status.CLAIMED, Status.FAILED, 0)
            case "give_back":
                self._twins.give_back(run, fence, Status.CLAIMED, self._moment(5) if is_wrong else None)
            case "prove":
                self._twins.give_back(run, fence, Status.RUNNING, None)
            case "lose":
                self._twins.lose(run, fence)
            case status:
                self._twins.finish(run, fence, Status.RUNNING, Status(status), len(run.log) + is_wrong)

    @rule(act=st.sampled_from(("cancel", "retry")), which=which)
    def ask(self, act: str, which: int) -> None:
        if act == "cancel":
            self._twins.cancel(self._pick(which, *OPEN))
        else:
            self._twins.retry(self._pick(which, *TERMINAL))

    @rule(act=st.sampled_from(("renew", "adopt", "renew_long", "restart", "replace")), who=workers)
    def live(self, act: str, who: int) -> None:
        """A worker goes on, starts beside a frozen copy of itself, starts again, or comes back as a stranger."""
        match act:
            case "renew" | "renew_long":
                self._twins.renew(self._workers[who], LEASE if act == "renew" else 4 * LEASE)
            case "adopt":
                self._twins.adopt(self._workers[who])
            case _:
                self._twins.reopen()
                if act == "replace":
                    self._workers[who] = Holder(ids.new(), self._workers[who].name)
                self._twins.join(self._workers[who])

    @rule(looks=st.integers(0, 8), gap=st.sampled_from(GAPS), is_looked_after=st.booleans())
    def wait(self, looks: int, gap: timedelta, is_looked_after: bool) -> None:
        """Time passes: silent workers lose what they hold, deadlines pass; but time that nobody served is forgiven."""
        for _ in range(looks):
            self._twins.clock.advance(LOOK)
            self._twins.rescue()
        self._twins.clock.advance(gap)
        if is_looked_after:
            self._twins.rescue()
            self._twins.forget_keys()

    @invariant()
    def everything_is_as_promised(self) -> None:
        self._twins.check()

    def _request(self, wish: Wish) -> Request:
        return make_request(
            lanes=wish.lanes,
            priority=wish.priority,
            not_before=self._moment(wish.wait_seconds),
            start_before=wish.deadline_seconds and self._moment((wish.wait_seconds or 0) + wish.deadline_seconds),
            retry_on_loss=wish.retry_on_loss,
            attempt=wish.attempt,
        )

    def _moment(self, seconds_from_now: int | None) -> datetime | None:
        return None if seconds_from_now is None else self._twins.clock() + timedelta(seconds=seconds_from_now)

    def _pick(self, which: int, *fitting: Status) -> Run:
        """The same as before; else of those in a fitting status first, then of all others."""
        if which >= SAME or self._picked is None:
            ordered = sorted(self._twins.model.runs, key=lambda run: run.status not in fitting)
            self._picked = ordered[which % SAME % len(ordered)]
        return self._picked
