"""The HTTP doors to the events: page by page, and as they happen."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from conselho import errors
from conselho.db.session import Tx
from conselho.events import cursors, log, messages, places, sse, tail, topics
from conselho.events.doors import Found
from conselho.events.moments import Moment, check_moment
from conselho.events.places import Place
from conselho.events.topics import Topics

router = APIRouter(prefix="/api/v1/events", tags=["events"])

_AFTER = Query(description="the `id` of an event, or an `as_of`, behind which to begin", max_length=60)
_TOPICS = Query(alias="topics", description=f"only these, with commas: {', '.join(topics.NAMES[:-1])}", max_length=200)
_TOPICS_AND_LOGS = Query(
    alias="topics", description=f"only these, with commas: {', '.join(topics.NAMES)}", max_length=2000
)


class ShownEvent(BaseModel):
    """One thing that happened."""

    id: Annotated[str, Field(description="`<history>-<number>`; numbers rise in the order of commits")]
    at: str
    kind: str
    execution_id: str | None
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events in the order in which they happened."""

    items: list[ShownEvent]
    next: Annotated[str | None, Field(description="`after` of the next page; null: there are no more yet")]
    as_of: Annotated[str, Field(description="behind what this page looked at: where a stream goes on")]


@router.get("", response_model=EventPage, responses=errors.documented(errors.Gone), summary="Read events")
async def read(
    doors: Found,
    after: Annotated[str | None, _AFTER] = None,
    since: Annotated[Moment | None, Query(description="in place of `after`: what happened then or later")] = None,
    wanted: Annotated[str | None, _TOPICS] = None,
    limit: Annotated[int, Query(ge=1, le=log.PAGE_MAX)] = 200,
) -> dict[str, Any]:
    """A page of events, the oldest first; without `after` from the oldest behind which all are kept.

    Events of cards and councilors stay: those older than the rest are had by asking for these topics alone.

    Go on with `after` = `next`. A page may be short, even empty, before `next` is null: all events are looked at.
    """
    if after is not None and since is not None:
        raise errors.Invalid("`after` and `since` both say where to begin: give one of them")
    begins = since if after is None else places.parse(after)
    asked = topics.parse(wanted, with_logs=False).topics
    return await doors.database.read(_page, begins, asked, limit)


@router.get(
    "/stream",
    response_class=sse.EventStream,
    responses=sse.DESCRIBED | errors.documented(errors.NotFound, errors.TooManyStreams),
    summary="Follow events",
)
async def follow(
    doors: Found,
    after: Annotated[str | None, _AFTER] = None,
    wanted: Annotated[str | None, _TOPICS_AND_LOGS] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", description="wins over `after`")] = None,
) -> Response:
    """Events as server-sent events, from `after` on or from now: each once and in order.

    Lines of a log come as `log` behind the number that is asked for, without an `id`: who comes back asks from the
    number it has. The stream ends after ten minutes, and whenever the server stops: come back with `Last-Event-ID`, as
    a browser does by itself. `reset` says that what comes does not follow on what you have seen: load what you show
    again, and go on.
    """
    begins = last_event_id or after
    place = None if not begins else places.parse(begins)
    return await doors.follow(doors.broadcast, place, topics.parse(wanted))


def _page(tx: Tx, begins: Place | datetime | None, asked: Topics, limit: int) -> dict[str, Any]:
    epoch = log.epoch(tx)
    is_whole = asked is not None and asked <= topics.KEPT
    after = 0 if is_whole else cursors.at(tx, tail.PRUNED)
    if isinstance(begins, Place):
        reason = tail.why_not(tx, begins)
        if reason is not None and not (is_whole and reason == tail.EXPIRED):
            raise errors.Gone(
                f"what followed on {begins} is not known any more ({reason}): begin anew, from an `as_of`"
            )
        after = begins.id
    elif begins is not None:
        check_moment("since", begins)
        after = max(after, log.last_before(tx, begins))
    entries = log.read_after(tx, after, limit)
    last = Place(epoch, entries[-1].id if entries else after)
    return {
        "items": [messages.shown(epoch, each) for each in entries if topics.is_wanted(each.kind, asked)],
        "next": str(last) if len(entries) == limit else None,
        "as_of": str(last),
    }
