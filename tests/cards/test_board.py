"""Cards are made, changed, moved, put in order, cancelled and archived; who comes late is told how it is."""

from concurrent.futures import wait
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from conselho import errors, ids
from conselho.cards import board
from conselho.cards.columns import Column, Command
from conselho.cards.models import Card
from conselho.db.session import Database, Tx
from conselho.events import log as events
from conselho.executions.states import Status
from tests.agents.making import make_agent
from tests.cards.making import (
    NOWHERE,
    archive,
    change,
    end,
    give,
    make_card,
    make_project,
    move,
    one,
    run,
    settle,
    shown,
    shown_board,
    start,
    titles,
    told,
)
from tests.conftest import Clock


def at_work(database: Database, tmp_path: Path, **wish: Any) -> tuple[str, str]:
    """A card of a plain directory that has been given /plan, and its execution."""
    (tmp_path / "plain").mkdir()
    make_project(database, tmp_path / "plain")
    make_agent(database)
    card = make_card(database, **wish)
    return card, give(database, NOWHERE, card)


def test_a_new_card_stands_at_the_end_of_the_backlog(database: Database, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    project = make_project(database, tmp_path / "shop")
    make_agent(database, "ana")
    make_card(database, "first")
    card = make_card(
        database, "second", description="All of it", plan="How", project="shop", priority=3, agent="ana",
        agents={"test": "ana"},
    )  # fmt: skip
    found = shown(database, card)
    wanted = {
        "number": 2, "title": "second", "description": "All of it", "plan": "How", "project": "shop",
        "project_id": project, "priority": 3, "agent": "ana", "agents": {"test": "ana"}, "column": "backlog",
        "version": 1, "branch": None, "worktree": None, "merge": None, "latest_execution": None,
        "active_execution": None, "runs": 0, "cost_usd": None, "is_settled": True, "last_line": None, "changes": None,
    }  # fmt: skip
    assert found | wanted == found
    assert titles(database, Column.BACKLOG) == ["first", "second"]
    assert told(database)[-1] == ("card.created", {"title": "second", "column": "backlog"})


def test_a_card_belongs_to_the_only_project_there_is_and_else_to_none(database: Database, tmp_path: Path) -> None:
    assert one(database, make_card(database)).project_id is None
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    only = make_project(database, tmp_path / "a")
    assert one(database, make_card(database)).project_id == only
    make_project(database, tmp_path / "b")
    assert one(database, make_card(database)).project_id is None


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"title": ""}, "title is empty"),
        ({"title": " \n"}, "title is empty"),
        ({"title": "x" * 256}, "255"),
        ({"title": "a\0b"}, "NUL"),
        ({"title": "\ud800"}, "half a character"),
        ({"description": "é" * (50 * 1024) + "x"}, "100 KiB"),
        ({"plan": "x" * (200 * 1024 + 1)}, "200 KiB"),
        ({"description": "\0"}, "NUL"),
        ({"priority": 1001}, "between -1000 and 1000"),
        ({"agent": "nobody"}, "no agent 'nobody'"),
        ({"agents": {"test": "nobody"}}, "no agent 'nobody'"),
        ({"agents": {"dance": "nobody"}}, "'dance' is no command"),
        ({"project": "nowhere"}, "no project 'nowhere'"),
        ({"project": "\0"}, "no project"),
    ],
)
def test_what_no_card_can_be_is_refused_and_changes_nothing(
    sqlite_database_url: str, wish: dict[str, Any], word: str
) -> None:
    with closing(Database(sqlite_database_url)) as database:
        card = make_card(database)
        with pytest.raises(errors.Invalid, match=word):
            make_card(database, **wish)
        with pytest.raises(errors.Invalid, match=word):
            change(database, card, **wish)
        assert (len(told(database)), one(database, card).version) == (1, 1)


def test_what_is_allowed_to_the_last_byte_is_taken(database: Database) -> None:
    card = make_card(database, "é" * 255, description="é" * (50 * 1024), plan="x" * (200 * 1024), priority=-1000)
    assert one(database, card).title == "é" * 255


def test_every_field_can_be_changed_and_cleared(database: Database, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    project = make_project(database, tmp_path / "shop")
    agent = make_agent(database, "ana")
    card = make_card(database)
    clock.advance(seconds=60)
    full = {
        "title": "Other", "description": "More", "plan": "So", "project": project, "priority": 2, "agent": agent,
        "agents": {"plan": agent},
    }  # fmt: skip
    for name, value in full.items():
        change(database, card, version=one(database, card).version, **{name: value})
    found = shown(database, card)
    assert found | full | {"agent": "ana", "agents": {"plan": "ana"}, "project": "shop"} == found
    assert (found["version"], found["updated_at"]) == (7, "2026-03-02T09:01:00Z"), "the project was its own before"

    cleared: dict[str, Any] = {
        "description": None, "plan": None, "project": None, "priority": 0, "agent": None, "agents": {}
    }  # fmt: skip
    change(database, card, **cleared)
    after = shown(database, card)
    assert after | cleared | {"project_id": None, "title": "Other", "version": 8} == after
    assert told(database)[-1] == (
        "card.changed", {"fields": ["agent", "agents", "description", "plan", "priority", "project_id"]}
    )  # fmt: skip


def test_a_change_to_what_is_so_already_is_none(database: Database) -> None:
    card = make_card(database, description="So")
    change(database, card, title="Mend it", description="So")
    assert (one(database, card).version, len(told(database))) == (1, 1)


def test_who_has_seen_an_older_version_is_refused_and_told_how_it_is(database: Database) -> None:
    card = make_card(database, description="long")
    change(database, card, version=1, title="Mend that")
    for act in (
        partial(change, database, card, version=1, title="Mend this"),
        partial(move, database, card, Column.PLAN, version=1),
        partial(archive, database, card, version=1),
    ):
        with pytest.raises(errors.Conflict, match="is at version 2 by now, not 1") as refused:
            act()
        members = refused.value.members["card"]
        assert (members["title"], members["version"], members["description"]) == ("Mend that", 2, "long")
        assert members["allowed_moves"] == ("plan", "cancelled")
    assert one(database, card).version == 2


def test_a_card_there_is_not_is_not_found(database: Database) -> None:
    for name in ("1", "0", "-1", "²", "9" * 30, ids.new(), "\0", "", "x" * 1000):
        for act in (
            partial(one, database, name),
            partial(change, database, name, title="x"),
            partial(move, database, name, Column.PLAN),
            partial(archive, database, name),
        ):
            with pytest.raises(errors.NotFound, match="there is no card"):
                act()


def test_a_card_is_found_by_its_number_and_by_its_id(database: Database) -> None:
    card = make_card(database)
    assert one(database, "1").id == one(database, card).id == card


def test_many_that_come_at_once_have_numbers_and_places_of_their_own(database_url: str) -> None:
    with closing(Database(database_url)) as first, closing(Database(database_url)) as second:
        rivals = [first, second] if first.kind == "postgresql" else [first]
        asked = [
            rivals[number % len(rivals)].submit(board.add, board.Wish(title=str(number)), ids.new())
            for number in range(40)
        ]
        wait(asked)
        cards = [one(first, each.result()) for each in asked]
    assert sorted(card.number for card in cards) == [*range(1, 41)]
    assert len({card.position for card in cards}) == 40
    in_order = sorted(cards, key=lambda card: card.position)
    assert [card.number for card in in_order] == [*range(1, 41)], "who comes later stands further down"


def test_of_many_changes_to_one_version_one_is_made(database_url: str) -> None:
    with closing(Database(database_url)) as first, closing(Database(database_url)) as second:
        card = make_card(first)
        rivals = [first, second] if first.kind == "postgresql" else [first]
        asked = [
            rivals[number % len(rivals)].submit(board.change, card, {"title": f"by {number}"}, 1)
            for number in range(20)
        ]
        wait(asked)
        assert sorted(type(each.exception()) is errors.Conflict for each in asked) == [False] + [True] * 19
        assert one(first, card).version == 2


def test_a_card_is_put_before_another_of_its_column_and_of_the_next(database: Database) -> None:
    a, b, c = (make_card(database, title) for title in "abc")
    move(database, c, Column.BACKLOG, before=a)
    assert titles(database, Column.BACKLOG) == ["c", "a", "b"]
    move(database, a, Column.BACKLOG, before="2")
    assert titles(database, Column.BACKLOG) == ["c", "a", "b"], "it stood there already"
    move(database, c, Column.BACKLOG, before=b)
    assert titles(database, Column.BACKLOG) == ["a", "c", "b"]
    move(database, a, Column.BACKLOG, before=a)
    assert titles(database, Column.BACKLOG) == ["a", "c", "b"]
    move(database, a, Column.PLAN)
    move(database, b, Column.PLAN, before=a)
    assert (titles(database, Column.BACKLOG), titles(database, Column.PLAN)) == (["c"], ["b", "a"])
    move(database, a, Column.BACKLOG, before=c)
    assert titles(database, Column.BACKLOG) == ["a", "c"]


def test_to_be_moved_where_it_is_changes_nothing(database: Database) -> None:
    card = make_card(database)
    make_card(database)
    move(database, card, Column.BACKLOG, version=1)
    assert (one(database, card).version, len(told(database))) == (1, 2)


def test_it_cannot_stand_before_what_is_not_in_that_column(database: Database) -> None:
    card, other = make_card(database), make_card(database, column=Column.PLAN)
    for before in (other, "99", "\0", "\ud800"):
        with pytest.raises(errors.Invalid, match=r"^before: there is no card"):
            move(database, card, Column.BACKLOG, before=before)
    assert one(database, card).version == 1


def test_however_often_cards_are_put_to_the_same_place_their_order_is_what_was_asked(database: Database) -> None:
    order = [make_card(database, str(number)) for number in range(4)]
    for turn in range(70):  # more than there is room for between two numbers, at the top and in the middle
        before = order[0] if turn % 10 == 9 else order[2]
        moving = order[3]
        move(database, moving, Column.BACKLOG, before=before)
        order.remove(moving)
        order.insert(order.index(before), moving)
        assert titles(database, Column.BACKLOG) == [one(database, each).title for each in order], turn
    positions = [one(database, each).position for each in order]
    assert len(set(positions)) == 4


def test_the_first_place_is_found_again_and_again(database: Database) -> None:
    """Positions pass zero on the way up, which is a place like any other."""
    cards = [make_card(database, title) for title in "abcdef"]
    for card in cards[1:]:
        top = shown_board(database, column=Column.BACKLOG)["columns"][0]["cards"][0]["id"]
        move(database, card, Column.BACKLOG, before=top)
    assert titles(database, Column.BACKLOG) == [*"fedcba"]
    move(database, cards[0], Column.BACKLOG, before=cards[1])
    move(database, cards[5], Column.BACKLOG, before=cards[0])
    move(database, cards[4], Column.BACKLOG, before=cards[0])
    assert titles(database, Column.BACKLOG) == [*"dcfeab"]


def test_one_that_is_numbered_anew_is_no_other_version(database: Database) -> None:
    a, b = make_card(database, "a"), make_card(database, "b")
    others = [make_card(database, f"c{number}") for number in range(2)]
    for number in range(50):
        move(database, others[number % 2], Column.BACKLOG, before=b)
    assert titles(database, Column.BACKLOG) == ["a", "c0", "c1", "b"]
    assert [one(database, each).version for each in (a, b)] == [1, 1], "they were not touched"


def test_moved_at_is_when_it_came_into_its_column(database: Database, clock: Clock) -> None:
    begun = clock()
    card, other = make_card(database), make_card(database)
    clock.advance(seconds=60)
    move(database, other, Column.BACKLOG, before=card)
    assert one(database, other).moved_at == begun
    move(database, other, Column.PLAN)
    assert one(database, other).moved_at == begun + timedelta(minutes=1)
    assert told(database)[-1] == ("card.moved", {"from": "backlog", "column": "plan"})


def test_with_an_active_run_a_card_is_not_moved_nor_archived(database: Database, tmp_path: Path) -> None:
    card, execution_id = at_work(database, tmp_path)
    for status in ("queued", "running"):
        for act in (partial(move, database, card, Column.IMPLEMENT), partial(archive, database, card)):
            with pytest.raises(errors.Conflict, match=f"while its run {execution_id} is {status}") as refused:
                act()
            assert refused.value.members["card"]["allowed_moves"] == ("cancelled",)
            assert refused.value.members["card"]["active_execution"]["id"] == execution_id
        if status == "queued":
            start(database, execution_id)
    end(database, execution_id)
    move(database, card, Column.IMPLEMENT)


def test_with_an_active_run_it_is_put_to_another_place_of_its_column(database: Database, tmp_path: Path) -> None:
    card, _ = at_work(database, tmp_path, title="a")
    make_card(database, "b", column=Column.PLAN)
    third = make_card(database, "c", column=Column.PLAN)
    move(database, card, Column.PLAN, before=third)
    assert titles(database, Column.PLAN) == ["b", "a", "c"]


def test_to_cancel_a_card_cancels_its_run(database: Database, tmp_path: Path) -> None:
    card, execution_id = at_work(database, tmp_path)
    start(database, execution_id)
    move(database, card, Column.CANCELLED)
    assert (one(database, card).column, run(database, execution_id).cancel_requested_at is not None) == (
        "cancelled", True
    )  # fmt: skip
    with pytest.raises(errors.Conflict, match="is not moved while its run"):
        move(database, card, Column.BACKLOG)  # until its tree is gone
    end(database, execution_id, status=Status.CANCELLED, severity="warning")
    move(database, card, Column.BACKLOG)
    settle(database, card)
    assert shown(database, card)["latest_execution"]["status"] == "cancelled"


def test_to_cancel_a_card_ends_a_queued_run_at_once(database: Database, tmp_path: Path) -> None:
    card, execution_id = at_work(database, tmp_path)
    move(database, card, Column.CANCELLED)
    assert run(database, execution_id).status == "cancelled"
    settle(database, card)
    move(database, card, Column.BACKLOG)
    again = give(database, NOWHERE, card, Command.PLAN)
    assert shown(database, card)["active_execution"]["id"] == again


@pytest.mark.parametrize("column", [each for each in Column if each is not Column.ARCHIVED])
def test_a_card_is_archived_from_whatever_column_and_stays_so(database: Database, column: Column) -> None:
    card = make_card(database, column=column)
    archive(database, card)
    archived = one(database, card)
    assert archived.column == "archived"
    assert told(database)[-1] == ("card.archived", {"from": column, "column": "archived"})
    archive(database, card)
    assert one(database, card) == archived
    assert all(each["name"] == "archived" or not each["cards"] for each in shown_board(database)["columns"])
    assert titles(database, Column.ARCHIVED) == ["Mend it"]


def test_the_project_of_a_card_that_has_a_branch_is_not_changed(
    database: Database, data_dir: Path, shop: Path, tmp_path: Path
) -> None:
    make_project(database, shop)
    (tmp_path / "other").mkdir()
    make_agent(database)
    card = make_card(database)
    make_project(database, tmp_path / "other")
    end(database, give(database, data_dir, card))
    for project in ("other", None):
        with pytest.raises(errors.Conflict, match="has a branch in its project") as refused:
            change(database, card, project=project)
        assert refused.value.members["card"]["branch"] == "conselho/1-mend-it"
    change(database, card, project="shop", title="Mend that")
    assert one(database, card).branch == "conselho/1-mend-it", "its branch keeps the name it got"


def test_each_change_appends_its_event_in_its_unit(database: Database) -> None:
    card = make_card(database)

    def change_and_fail(tx: Tx) -> None:
        board.move(tx, card, Column.PLAN)
        raise errors.Conflict("not now")

    with pytest.raises(errors.Conflict, match="not now"):
        database.submit(change_and_fail).result()
    assert one(database, card).column == "backlog"
    assert len(told(database)) == 1


def test_every_event_of_a_card_says_which(database: Database) -> None:
    card = make_card(database)
    move(database, card, Column.PLAN)
    change(database, card, title="x")
    archive(database, card)
    found = database.fetch(events.read_after, 0).result()
    assert [each.kind for each in found] == ["card.created", "card.moved", "card.changed", "card.archived"]
    assert [(each.data["card_id"], each.data["card"]) for each in found] == [(card, 1)] * 4


def test_versions_rise_by_one(database: Database) -> None:
    card = make_card(database)
    for number in range(2, 6):
        change(database, card, title=str(number), version=number - 1)
    versions = database.fetch(lambda tx: tx.execute(select(Card.version)).scalars().all()).result()
    assert versions == [5]
