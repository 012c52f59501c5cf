"""What is there behind a place in the events? Read in one transaction, and made ready to be sent where it is read."""

from dataclasses import dataclass

from conselho.db.session import Tx
from conselho.events import cursors, log, messages
from conselho.events.messages import Message
from conselho.events.places import Place

EVENTS_AT_ONCE = 500
EXPIRED = "expired"
PRUNED = "pruned"  # whose cursor stands where retention has come to: up to it events are gone, and never the last one


@dataclass(frozen=True, slots=True)
class News:
    """Events behind the place that was asked for; `place`: where all of them end, also those that are not told."""

    place: Place
    messages: list[Message]
    may_go_on: bool  # there were as many as were asked for


def end(tx: Tx) -> Place:
    """Where the events end now."""
    return Place(log.epoch(tx), log.last_id(tx))


def behind(tx: Tx, after: int, limit: int) -> News:
    """The next events, at most `limit`."""
    epoch = log.epoch(tx)
    entries = log.read_after(tx, after, limit)
    place = Place(epoch, entries[-1].id if entries else after)
    return News(place, messages.encoded(epoch, entries), len(entries) == limit)


def why_not(tx: Tx, place: Place) -> str | None:
    """Why nobody can go on from there: `epoch`, `unknown` or `expired`; None where one can."""
    if place.epoch != log.epoch(tx):
        return "epoch"
    if place.id > log.last_id(tx):
        return "unknown"
    return EXPIRED if place.id < cursors.at(tx, PRUNED) else None
