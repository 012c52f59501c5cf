"""How does one watcher follow the events? From the ring where it can, from the table where it must, for ten minutes.

A stream ends by itself, so that the way back - with the id of what was seen last - is taken all day and not only when
something breaks. It holds no database connection while it waits.
"""

import random
from collections.abc import AsyncGenerator, Callable

from conselho import clock
from conselho.db.session import Database
from conselho.events import messages, tail
from conselho.events.broadcast import Broadcast, joined
from conselho.events.lines import Lines
from conselho.events.places import Place
from conselho.events.topics import Topics

STREAM_SECONDS = 600.0
BEAT_SECONDS = 15.0  # so that proxies and clients know that a silent stream lives
RETRY_MILLISECONDS = (500, 3_000)  # drawn anew each time: those who were cut off together come back apart
JITTER = 0.1  # of the ten minutes, for the same reason


async def follow(
    broadcast: Broadcast,
    database: Database,
    after: Place | None,
    topics: Topics,
    lines: Lines,
    is_closing: Callable[[], bool],
) -> AsyncGenerator[bytes, None]:
    """Messages of the topics behind `after`, or from now on, and of the lines of logs, until the time is over.

    Raises: errors.NotFound, before the first message, for a log that there is not.
    """
    view = broadcast.view
    until = clock.monotonic() + STREAM_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
    async with broadcast.watched():
        with lines:
            place = after or broadcast.place
            backlog = await lines.next()  # of a log that there is not nothing is sent at all
            yield messages.begin(place, random.randint(*RETRY_MILLISECONDS)) + backlog  # noqa: S311 - no secret
            if not broadcast.follows(place) and (reason := await database.read(view.why_not, place)) is not None:
                place = broadcast.place
                yield messages.reset(place, reason)
            beats, epoch, seen = broadcast.beats, place.epoch, place.id
            while not is_closing():
                if broadcast.beats != beats:  # also where there is always something to send
                    if clock.monotonic() > until:
                        return
                    beats = broadcast.beats
                    data = view.beat(view.place(epoch, seen))
                    lines.look()
                elif broadcast.epoch != epoch:
                    epoch, seen = broadcast.epoch, broadcast.last
                    data = messages.reset(broadcast.place, "epoch")
                elif (batch := broadcast.next_after(seen)) is not None:
                    data = batch.since(seen, topics)
                    seen = batch.last
                elif seen < broadcast.last:
                    data, place = await _from_the_table(database, view.place(epoch, seen), topics, broadcast)
                    epoch, seen = place.epoch, place.id
                elif lines.is_stale:
                    data = await lines.next()
                else:
                    await lines.wait(broadcast)
                    continue
                if data:
                    yield data


async def _from_the_table(
    database: Database, place: Place, topics: Topics, broadcast: Broadcast
) -> tuple[bytes, Place]:
    """What the ring does not hold any more, a page of it."""
    view = broadcast.view
    if (reason := await database.read(view.why_not, place)) is not None:
        now = broadcast.place
        return messages.reset(now, reason), now
    news = await database.read(view.behind, place.id, tail.EVENTS_AT_ONCE)
    if news.place.epoch != place.epoch:  # another has begun in between: the next look says so
        return b"", place
    return joined(news.messages, topics), news.place
