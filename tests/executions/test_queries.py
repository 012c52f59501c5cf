"""Pages show every row once, filters and cursors that are none are refused, and a queued one says what it waits for."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from conselho import errors, ids
from conselho.db.session import Database
from conselho.executions import queries, queue, search
from conselho.executions.queries import Filter
from conselho.executions.request import Lane
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import (
    claim,
    make_claimed,
    make_ended,
    make_outcome,
    make_queued,
    make_request,
    make_running,
    one,
)

AN_ID = "01900000-0000-7000-8000-000000000001"
NO_CURSORS = ["x!", "YWJj", "", "ç", "\0", "A" * 10_000]
NO_CURSORS += [
    base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")
    for place in (
        AN_ID,
        f"2026-03-02T09:00:00 {AN_ID}",
        f"2026-13-02T09:00:00+00:00 {AN_ID}",
        f"0001-01-01T00:00:00+14:00 {AN_ID}",
        f"2026-03-02T09:00:00+00:00 {AN_ID} more",
        "2026-03-02T09:00:00+00:00 1",
        f"2026-03-02T09:00:00+00:00  {AN_ID}",
    )
]


def found(database: Database, limit: int = 200, **which: object) -> list[str]:
    page = database.fetch(queries.page, Filter(**which), limit).result()  # type: ignore[arg-type]
    return [row.id for row in page.rows]


def test_pages_show_every_row_once_newest_first(database: Database) -> None:
    made = [make_queued(database) for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = database.fetch(queries.page, Filter(), 3, cursor).result()
        seen += [row.id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
        make_queued(database)  # what comes meanwhile moves no page
    assert seen == made[::-1]


def test_a_page_that_holds_all_has_no_next(database: Database) -> None:
    for _ in range(3):
        make_queued(database)
    assert database.fetch(queries.page, Filter(), 3).result().next is None
    assert database.fetch(queries.page, Filter(), 2).result().next is not None


def test_every_filter_that_is_given_must_hold(database: Database, clock: Clock) -> None:
    queued = make_queued(database, origin="cli", agent="ana", not_before=clock() + timedelta(hours=1))
    clock.advance(seconds=10)
    failed = make_ended(database, make_outcome(status=Status.FAILED, severity="error"), agent="ana")
    clock.advance(seconds=10)
    good = make_ended(database)
    assert found(database, status="failed") == [failed]
    assert found(database, severity="success") == [good]
    assert found(database, origin="cli") == [queued]
    assert found(database, agent="ana") == [failed, queued]
    assert found(database, agent="ana", status="queued") == [queued]
    assert found(database, since=clock() - timedelta(seconds=10)) == [good, failed]
    assert found(database, until=clock() - timedelta(seconds=10)) == [queued]
    assert found(database, status="running") == []


def test_a_card_a_councilor_and_an_agents_id_are_filters(database: Database) -> None:
    agent_id = ids.new()
    mine = make_ended(database, agent="ana", agent_id=agent_id, card_id="c1", councilor_id="k1")
    renamed = make_ended(database, agent="anna", agent_id=agent_id)
    make_ended(database)
    assert found(database, card="c1") == [mine]
    assert found(database, councilor="k1") == [mine]
    assert found(database, agent=agent_id) == [renamed, mine]
    assert found(database, agent="ana", card="c1", councilor="k1", status="succeeded") == [mine]
    assert found(database, card="c2") == []
    assert found(database, agent=ids.new()) == []


def test_newest_first_is_by_the_moment_of_creation(database: Database, clock: Clock) -> None:
    """The clock that made an id may be another host's."""
    first = make_queued(database)
    clock.advance(seconds=1)
    second = database.submit(queue.enqueue, make_request(), AN_ID).result()
    assert second < first
    assert found(database) == [second, first]


@pytest.mark.parametrize(
    "which", [{"agent": "ana"}, {"status": "queued"}, {"q": "alpha"}, {"until": True}, {"card": "x"}]
)
def test_a_cursor_of_another_filter_is_a_place_like_any_other(
    database: Database, clock: Clock, which: dict[str, Any]
) -> None:
    make = make_ended if "card" in which else make_queued  # a card has one open run
    made = []
    for _ in range(4):
        clock.advance(seconds=1)
        made.append(make(database, agent="ana", prompt="alpha", card_id="x" if "card" in which else None))
    while database.submit(search.index_next).result():
        pass
    if "until" in which:
        which = {"until": clock() + timedelta(seconds=1)}
    places: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, which), (which, {}), ({"origin": "api"}, which)]
    for of, into in places:
        cursor = database.fetch(queries.page, Filter(**of), 2).result().next
        page = database.fetch(queries.page, Filter(**into), 10, cursor).result()
        assert [row.id for row in page.rows] == made[1::-1]


@pytest.mark.parametrize(
    ("which", "cursor"),
    [
        ({"status": "done"}, None),
        ({"severity": "bad"}, None),
        ({"origin": "mars"}, None),
        ({"card": "c\0"}, None),
        ({"councilor": "\ud800"}, None),
        ({"agent": "a" * 300}, None),
        ({"q": "x" * 301}, None),
        *(({}, cursor) for cursor in NO_CURSORS),
        *(({"q": "x"}, cursor) for cursor in NO_CURSORS),
    ],
)
def test_a_filter_or_cursor_that_is_none_is_refused(
    database: Database, which: dict[str, str], cursor: str | None
) -> None:
    with pytest.raises(errors.Invalid):
        database.fetch(queries.page, Filter(**which), 10, cursor).result()  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_limit_outside_a_page_is_refused(database: Database, limit: int) -> None:
    with pytest.raises(errors.Invalid, match="between 1 and 200"):
        database.fetch(queries.page, Filter(), limit).result()


def test_one_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(errors.NotFound):
        one(database, ids.new())


def test_a_queued_one_says_what_it_waits_for(database: Database, clock: Clock) -> None:
    lane = (Lane(key="directory /x", room=1),)
    held = make_claimed(database, lanes=lane)
    crowded = make_queued(database, lanes=lane)
    early = make_queued(database, not_before=clock() + timedelta(minutes=1), lanes=lane)
    free = make_queued(database)

    rows = [one(database, each) for each in (held, crowded, early, free)]
    assert database.fetch(queries.waiting, rows).result() == {
        crowded: "room in directory /x",
        early: "its time, 2026-03-02 09:01:00 UTC",
        free: "a free seat",
    }


def test_only_what_has_not_ended_counts_as_open(database: Database) -> None:
    make_ended(database)
    make_running(database)
    make_claimed(database)
    make_queued(database)
    assert database.fetch(queries.count_open).result() == 3
    claim(database)
    assert database.fetch(queries.count_open).result() == 3
