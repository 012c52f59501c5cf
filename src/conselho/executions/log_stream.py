"""How does somebody follow a log? What is there first, then what comes, then the end - from the store, line by line.

Whoever follows reads from the database when a signal says that there is more, and looks by itself now and then. So a
line is sent only when it is kept, and a slow reader delays itself alone.
"""

import random
from collections.abc import AsyncGenerator

from conselho import clock
from conselho.db.session import Database, Tx, loose
from conselho.events import stream
from conselho.events.signals import Signals
from conselho.executions import answers, logs, patience, shown

POLL_SECONDS = 5.0  # a stream looks by itself if no signal comes
DEAF_POLL_SECONDS = 1.0  # where signals of other processes are not heard


def topic_of(execution_id: str) -> str:
    """What is told when its log has grown, or has ended."""
    return f"log:{execution_id}"


async def follow(database: Database, signals: Signals, execution_id: str, after: int) -> AsyncGenerator[bytes, None]:
    """Lines behind number `after` as messages, then `end` with the execution. Raises: errors.NotFound."""
    until = clock.monotonic() + stream.STREAM_SECONDS
    is_over = await patience.is_over(database, execution_id)
    yield b"retry: %d\n\n" % random.randint(*stream.RETRY_MILLISECONDS)  # noqa: S311 - no secret
    beat_at = clock.monotonic() + stream.BEAT_SECONDS
    with signals.watch(topic_of(execution_id)) as watch:
        while not signals.is_closing and clock.monotonic() < until:
            # The state is read before the lines: what is over then has all its lines.
            is_over = is_over or await patience.is_over(database, execution_id)
            while (portion := await database.read(_messages, execution_id, after)) is not None:
                if signals.is_closing:
                    return
                data, after = portion
                yield data
                beat_at = clock.monotonic() + stream.BEAT_SECONDS
            if is_over:
                yield b"event: end\ndata: " + await database.read(answers.one, execution_id) + b"\n\n"
                return
            look = POLL_SECONDS if signals.heard.is_set() else DEAF_POLL_SECONDS
            await watch.wait(min(look, max(0.0, beat_at - clock.monotonic())))
            if clock.monotonic() >= beat_at:
                yield b": still here\n\n"
                beat_at = clock.monotonic() + stream.BEAT_SECONDS


async def among_events(database: Database, execution_id: str, after: int) -> tuple[bytes, int]:
    """The next lines behind `after` for a stream of events, and the number of the last; none: empty.

    They have no id, which is that of events: who comes back asks from the number that it has.

    Raises: errors.NotFound.
    """
    portion = await database.read(_messages_without_ids, execution_id, after)
    if portion is None:
        await patience.is_over(database, execution_id)
        return b"", after
    return portion


@loose
def _messages(tx: Tx, execution_id: str, after: int) -> tuple[bytes, int] | None:
    lines = logs.read_after(tx, execution_id, after)
    if not lines:
        return None
    told = (b"id: %d\ndata: %s\n\n" % (line.seq, answers.encode(shown.line(line))) for line in lines)
    return b"".join(told), lines[-1].seq


@loose
def _messages_without_ids(tx: Tx, execution_id: str, after: int) -> tuple[bytes, int] | None:
    lines = logs.read_after(tx, execution_id, after)
    if not lines:
        return None
    told = (
        b"event: log\ndata: " + answers.encode({"execution_id": execution_id} | shown.line(line)) + b"\n\n"
        for line in lines
    )
    return b"".join(told), lines[-1].seq
