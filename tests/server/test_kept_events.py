"""Pages of events where retention has been: whole from where they begin, and those that stay on their own."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from conselho.db.session import Tx
from conselho.events import log, retention, tail
from conselho.events.models import Cursor
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

KINDS = ("card.created", "delivery.sent", "councilor.fired", "card.moved", "delivery.sent", "delivery.failed")


async def make_history(desk: Desk) -> None:
    """Six events, of which the last two have not been pruned."""

    def write(tx: Tx) -> None:
        for kind in KINDS:
            log.append(tx, kind)

    def prune(tx: Tx) -> None:
        tx.execute(update(Cursor).where(Cursor.name != tail.PRUNED).values(event_id=4))
        retention.prune_next(tx, timedelta(minutes=-1))

    await desk.runtime.database.write(write)
    await desk.runtime.database.write(prune)


async def pages(desk: Desk, **query: Any) -> list[tuple[int, str]]:
    """All pages of one event each, to the last."""
    found: list[tuple[int, str]] = []
    place: str | None = None
    while True:
        wish = query if place is None else {"after": place} | {key: query[key] for key in query if key == "topics"}
        answer = await desk.http.get("/events", params={"limit": 1, **wish})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(int(each["id"].rpartition("-")[2]), each["kind"]) for each in page["items"]]
        place = page["next"]
        if place is None:
            return found


@on_a_loop
async def test_pages_begin_where_nothing_is_missing(settings: Settings) -> None:
    async with served(settings) as desk:
        await make_history(desk)
        whole = [(5, "delivery.sent"), (6, "delivery.failed")]
        assert await pages(desk) == whole
        assert await pages(desk, since="2000-01-01T00:00:00Z") == whole
        assert await pages(desk, topics="cards,deliveries") == whole


@on_a_loop
async def test_what_stays_can_be_read_from_its_beginning(settings: Settings) -> None:
    async with served(settings) as desk:
        await make_history(desk)
        assert await pages(desk, topics="cards") == [(1, "card.created"), (4, "card.moved")]
        assert [number for number, _ in await pages(desk, topics="cards,councilors")] == [1, 3, 4]
