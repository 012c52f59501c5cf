"""The HTTP doors to a log: page by page, searched, and as it grows."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from conselho import errors
from conselho.events import sse
from conselho.events.watchers import Watchers
from conselho.executions import answers, log_pages, log_stream, logs
from conselho.executions.answers import LogPage
from conselho.executions.routes import Hints, Store

router = APIRouter(prefix="/api/v1/executions/{execution_id}/log", tags=["logs"])


@router.get("", response_model=LogPage, responses=errors.documented(errors.NotFound), summary="Read a log")
async def read(
    database: Store,
    execution_id: str,
    after: Annotated[int, Query(ge=0, description="the number behind which to begin")] = 0,
    limit: Annotated[int, Query(ge=1, le=logs.PAGE_LINES_MAX, description="lines at most")] = 200,
    kind: Annotated[str | None, Query(max_length=50, description="only lines of this kind")] = None,
    q: Annotated[
        str | None,
        Query(max_length=log_pages.Q_CHARACTERS_MAX, description="only lines with this text, in either case"),
    ] = None,
) -> Response:
    """A page of a log: at most `limit` lines and 1 MiB, from line `after` + 1 on.

    Go on with `after` = `next` until that is null. A page may be short, even empty, before: a long log is looked
    through in portions. To follow a log that still grows, use its stream.
    """
    wish = log_pages.Wish(after=after, limit=limit, kind=kind, q=q or None)
    return answers.as_response(await database.read(log_pages.page, execution_id, wish))


@router.get(
    "/stream",
    response_class=sse.EventStream,
    responses=sse.DESCRIBED | errors.documented(errors.NotFound, errors.TooManyStreams),
    summary="Follow a log",
)
async def stream(
    request: Request,
    database: Store,
    signals: Hints,
    execution_id: str,
    after: Annotated[int, Query(ge=0, description="the number behind which to begin")] = 0,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,10}$", description="wins over `after`")
    ] = None,
) -> Response:
    """The log as server-sent events: what is there, then what comes, then `end` with the execution.

    The id of each message is the number of its line. A stream that ends without `end` is to be opened again.
    """
    start = int(last_event_id) if last_event_id is not None else after
    watchers: Watchers = request.app.state.watchers
    following = log_stream.follow(database, signals, execution_id, start)
    return await watchers.begin(request, following)
