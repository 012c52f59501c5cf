"""What do the older system's clients hear of councilors? `GET /api/councilors/events/stream`, in its names and words.

Told is every run, whoever started it: here a run is a run, and its client shows each by the name of its task. That is
the task's name as it was when its councilor fired, `councilor_id` the slug that its agent had; null where it is no
councilor's, and then the run's title stands for the task.

A run that starts is `councilor_started`. One that ends is two messages of one event: `councilor_execution`, then
`councilor_completed`. Each has an id of its own, so that a client that is cut between the two misses neither and hears
neither twice: the last has the id that the event has everywhere, `<epoch>-<n>`, and the one before it `<epoch>-<n>.1`.

That client knows no `reset`, so a browser drops it, and goes on from where it says: what happened meanwhile cannot be
told any more, and is in the lists that the client also loads. `error` is never sent: the client takes it for a broken
connection. After one it opens the stream anew, five seconds later and without an id; until then the browser has come
back by itself (`retry:` is less) and has heard what it missed.

The older words: `completed` or `error`, whatever the reason; severity `info` where there is none; milliseconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sqlalchemy import Row, case, select

from conselho import clock, errors
from conselho.db.among import among
from conselho.db.session import Tx
from conselho.events import log, messages, places, sse, stream, tail
from conselho.events.broadcast import Broadcast
from conselho.events.doors import Found
from conselho.events.messages import Message
from conselho.events.places import Place
from conselho.events.tail import News
from conselho.events.topics import Wanted
from conselho.events.views import View
from conselho.executions import shown
from conselho.executions.models import Execution
from conselho.legacy import runs

router = APIRouter(prefix="/api/councilors/events", tags=["legacy"])

HEARTBEAT_SECONDS = 30.0
NAMELESS = "Unknown"  # what the older system called a task without a name

_STARTED, _FINISHED = "execution.started", "execution.finished"
_HALF = ".1"  # behind the first of the two messages of an event
# Read when the event is told, which may be later: nothing that its messages say of a run changes after it.
_RUNS = select(
    Execution.id,
    Execution.agent,
    Execution.councilor_id,
    case((Execution.councilor_id.is_not(None), Execution.context)).label("context"),  # others' may be large
    Execution.title,
    Execution.status,
    Execution.severity,
    Execution.started_at,
    Execution.completed_at,
    Execution.duration_seconds,
).where(among(Execution.__table__.c.id, "ids"))


@dataclass(frozen=True, slots=True)
class Step(Place):
    """A place in this stream: `id` is 2n behind the event n, and 2n-1 behind the first of its two messages."""

    def __str__(self) -> str:
        event, is_whole = divmod(self.id + 1, 2)
        return f"{self.epoch}-{event}{'' if is_whole else _HALF}"


@router.get(
    "/stream",
    response_class=sse.EventStream,
    responses=sse.DESCRIBED | errors.documented(errors.TooManyStreams),
    summary="Follow the runs, as clients of the older system do",
)
async def follow(
    request: Request,
    doors: Found,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="the `id` of a message, behind which to begin")
    ] = None,
) -> Response:
    """Runs as server-sent events, behind the message that was heard last or from now on: each once.

    `councilor_started {councilor_id, task_name}` · `councilor_execution {execution_id, councilor_id, task_name, status,
    severity, started_at, completed_at, duration_ms}` and `councilor_completed {councilor_id, severity, duration_ms}`
    when it has ended · `heartbeat {timestamp}` every 30 seconds · `reset` where what comes does not follow on what was
    heard. The stream ends after ten minutes, and whenever the server stops: come back with `Last-Event-ID`, as a
    browser does by itself. For new clients there is `/api/v1/events/stream`.
    """
    ring: Broadcast = request.app.state.councilor_ring
    return await doors.follow(ring, parse(last_event_id) if last_event_id else None, Wanted())


def parse(text: str) -> Step:
    """Read the id of a message. Raises: errors.Invalid."""
    event = text.removesuffix(_HALF)
    place = places.parse(event)
    return Step(place.epoch, 2 * place.id - (event != text))


def _end(tx: Tx) -> Place:
    place = tail.end(tx)
    return Step(place.epoch, 2 * place.id)


def _behind(tx: Tx, after: int, limit: int) -> News:
    epoch = log.epoch(tx)
    events = log.subjects_after(tx, after // 2, limit)  # with that whose second message is missing
    runs = _runs_of(tx, events)
    found = [
        each
        for event in events
        if event.execution_id in runs
        for each in _told(epoch, event, runs[event.execution_id])
        if each.id > after
    ]
    return News(Step(epoch, 2 * events[-1].id if events else after), found, len(events) == limit)


def _why_not(tx: Tx, step: Place) -> str | None:
    """From a half event one can go on where it is there itself."""
    reasons = (tail.why_not(tx, Place(step.epoch, event)) for event in ((step.id + 1) // 2, step.id // 2))
    return next((reason for reason in reasons if reason is not None), None)


def _beat(place: Place) -> bytes:
    return messages.message(place, "heartbeat", {"timestamp": shown.moment(clock.now())})


def _runs_of(tx: Tx, events: Sequence[Row[Any]]) -> dict[str | None, Row[Any]]:
    """The runs that have started or ended there."""
    asked = {each.execution_id for each in events if each.kind in {_STARTED, _FINISHED}}
    return {row.id: row for row in tx.execute(_RUNS, {"ids": list(asked)})} if asked else {}


def _told(epoch: str, event: Row[Any], run: Row[Any]) -> Iterator[Message]:
    councilor, task_name = runs.councilor(run), runs.task_name(run) or NAMELESS
    if event.kind == _STARTED:
        yield _message(epoch, 2 * event.id, "councilor_started", {"councilor_id": councilor, "task_name": task_name})
    if event.kind == _FINISHED:
        severity = run.severity or "info"
        duration_ms = None if run.duration_seconds is None else round(run.duration_seconds * 1000)
        execution = {
            "execution_id": run.id,
            "councilor_id": councilor,
            "task_name": task_name,
            "status": runs.word(run.status),
            "severity": severity,
            "started_at": None if run.started_at is None else shown.moment(run.started_at),
            "completed_at": None if run.completed_at is None else shown.moment(run.completed_at),
            "duration_ms": duration_ms,
        }
        end = {"councilor_id": councilor, "severity": severity, "duration_ms": duration_ms}
        yield _message(epoch, 2 * event.id - 1, "councilor_execution", execution)
        yield _message(epoch, 2 * event.id, "councilor_completed", end)


def _message(epoch: str, step: int, event: str, data: dict[str, Any]) -> Message:
    return Message(step, "councilors", messages.message(Step(epoch, step), event, data))


VIEW = View(
    place=Step,
    end=_end,
    behind=_behind,
    why_not=_why_not,
    beat=_beat,
    beats=round(HEARTBEAT_SECONDS / stream.BEAT_SECONDS),
)
