"""The HTTP doors to a log: page by page, searched, and as it grows."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse

from conselho import errors
from conselho.db.session import Database
from conselho.events.signals import Signals
from conselho.executions import answers, log_pages, logs, patience, shown
from conselho.executions.answers import LogPage
from conselho.executions.routes import Hints, Store

HEARTBEAT_SECONDS = 15.0  # a comment on a silent stream, so that proxies and clients know it lives
POLL_SECONDS = 1.0  # a stream looks by itself if no signal comes

_MESSAGE = {
    "type": "object",
    "description": "one message of the stream",
    "properties": {
        "event": {"type": "string", "description": "`end`, or left out for a line"},
        "id": {"type": "string", "description": "number of the line"},
        "data": {"type": "string", "description": "a line of the log as JSON; with `end` the execution"},
    },
    "required": ["data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _MESSAGE}}}}

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
    response_class=StreamingResponse,
    responses=_STREAM | errors.documented(errors.NotFound),
    summary="Follow a log",
)
async def stream(
    database: Store,
    signals: Hints,
    execution_id: str,
    after: Annotated[int, Query(ge=0, description="the number behind which to begin")] = 0,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,10}$", description="wins over `after`")
    ] = None,
) -> StreamingResponse:
    """The log as server-sent events: what is there, then what comes, then `end` with the execution.

    The id of each message is the number of its line. A stream that ends without `end` is to be opened again.
    """
    await patience.is_over(database, execution_id)
    start = int(last_event_id) if last_event_id is not None else after
    return StreamingResponse(_follow(database, signals, execution_id, start), media_type="text/event-stream")


async def _follow(database: Database, signals: Signals, execution_id: str, after: int) -> AsyncIterator[bytes]:
    silent = 0.0
    with signals.watch(f"log:{execution_id}") as watch:
        while not signals.is_closing:
            # The state is read before the lines: what is over then has all its lines.
            is_over = await patience.is_over(database, execution_id)
            while lines := await database.read(logs.read_after, execution_id, after):
                yield b"".join(_message(numbered) for numbered in lines)
                after, silent = lines[-1].seq, 0.0
            if is_over:
                yield b"event: end\ndata: " + await database.read(answers.one, execution_id) + b"\n\n"
                return
            if not await watch.wait(POLL_SECONDS):
                silent += POLL_SECONDS
            if silent >= HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                silent = 0.0


def _message(numbered: logs.NumberedLine) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (numbered.seq, answers.encode(shown.line(numbered)))
