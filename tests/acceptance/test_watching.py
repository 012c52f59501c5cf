"""Who watches is cut off again and again while much happens, and has seen everything once and in order."""

import random

from conselho.db.session import Database
from conselho.events import log as events
from tests.acceptance.busy_server import EVENTS_EACH
from tests.acceptance.house import MakeHouse
from tests.acceptance.watchers import PLACES, Cut, Watcher

EVENTS = 10_000
CUTS = 100
CUT_BYTES_MAX = 50_000  # so that all cuts lie within the ten thousand, of some 350 bytes each


def test_ten_thousand_events_are_seen_once_and_in_order_through_a_hundred_cuts(
    make_house: MakeHouse, database_url: str
) -> None:
    """SQLite's file is one server's. On PostgreSQL two write, and who watches goes from one to the other."""
    is_shared = not database_url.startswith("sqlite")
    houses = [make_house(database_url if is_shared else None) for _ in range(1 + is_shared)]
    servers = [each.serve_busy(EVENTS // EVENTS_EACH // len(houses)) for each in houses]
    draw = random.Random(20260302)
    watcher = Watcher(servers[0].http.get("/executions").json()["as_of"])
    seen: dict[str, str] = {}
    for number in range(CUTS + 1):
        door = servers[number % len(servers)].socket_path
        cut = Cut(draw.randint(1, CUT_BYTES_MAX), draw.choice(list(PLACES))) if number < CUTS else None
        for message in watcher.hear(door, "/events/stream", cut):
            if message.event is None:
                continue
            assert message.event != "reset"
            event_id = str(message.id)
            assert event_id == message.data["id"]
            assert event_id not in seen, "a second time"
            seen[event_id] = message.event
            if len(seen) == EVENTS:
                break
    assert number == CUTS, "all were seen before the last cut"
    assert list(seen.items()) == stored(houses[0].url)


def stored(url: str) -> list[tuple[str, str]]:
    """Ids and kinds of all events in the table, in their order."""
    database = Database(url)
    epoch = database.fetch(events.epoch).result()
    found: list[events.Entry] = []
    while page := database.fetch(events.read_after, found[-1].id if found else 0).result():
        found += page
    database.close()
    return [(f"{epoch}-{each.id}", each.kind) for each in found]
