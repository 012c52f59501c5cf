"""Pages of agents, and agents by name."""

import pytest

from conselho import errors
from conselho.agents import queries
from conselho.db.session import Database
from tests.agents.making import make_agent


def test_pages_follow_each_other_in_the_order_they_were_made(database: Database) -> None:
    made = [make_agent(database, slug) for slug in ("zebra", "ant", "bee", "cat", "dog")]
    found: list[str] = []
    after: str | None = None
    while True:
        page = database.fetch(queries.page, 2, after).result()
        found += [row.id for row in page.rows]
        after = page.next
        if after is None:
            break
    assert found == made


def test_a_page_that_is_just_full_is_the_last(database: Database) -> None:
    make_agent(database)
    page = database.fetch(queries.page, 1).result()
    assert ([row.slug for row in page.rows], page.next) == (["tests"], None)


@pytest.mark.parametrize("cursor", ["", "nonsense", "\0", "0190C1A2-0000-7000-8000-000000000001"])
def test_what_is_no_cursor_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(errors.Invalid, match="cursor"):
        database.fetch(queries.page, 10, cursor).result()


@pytest.mark.parametrize("limit", [0, 201])
def test_a_page_holds_from_1_to_200(database: Database, limit: int) -> None:
    with pytest.raises(errors.Invalid, match="limit"):
        database.fetch(queries.page, limit).result()


def test_who_asks_for_an_agent_that_is_none_is_told_its_name(database: Database) -> None:
    with pytest.raises(errors.Invalid, match="agent: there is no agent 'nobody'"):
        database.fetch(queries.asked_for, "nobody").result()
