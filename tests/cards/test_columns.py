"""The table of moves is the contract's, and the board obeys it, wherever a walk leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.cards import columns
from conselho.cards.columns import Column, Command
from conselho.db.session import Database
from tests.cards.making import make_card, move, one, shown

# As people were told: forward, one step back, cancelled from all that is not put away, and back from there.
CONTRACT = {
    "backlog": {"plan", "cancelled"},
    "plan": {"implement", "backlog", "cancelled"},
    "implement": {"test", "plan", "cancelled"},
    "test": {"review", "implement", "cancelled"},
    "review": {"done", "test", "cancelled"},
    "done": {"archived", "review", "cancelled"},
    "archived": {"done"},
    "cancelled": {"backlog"},
}


def test_the_columns_stand_in_the_order_of_the_board() -> None:
    assert [*Column] == ["backlog", "plan", "implement", "test", "review", "done", "archived", "cancelled"]


@pytest.mark.parametrize("column", Column)
def test_a_card_may_go_where_the_contract_says_and_nowhere_else(column: Column) -> None:
    assert set(columns.MOVES[column]) == CONTRACT[column]
    assert columns.allowed_moves(column, is_active=False) == columns.MOVES[column]


@pytest.mark.parametrize("column", Column)
def test_with_an_active_run_it_may_only_be_cancelled_and_takes_no_command(column: Column) -> None:
    assert set(columns.allowed_moves(column, is_active=True)) == CONTRACT[column] & {"cancelled"}
    assert columns.allowed_commands(column, is_active=True) == ()


@pytest.mark.parametrize("column", Column)
def test_commands_are_given_until_it_is_done(column: Column) -> None:
    is_at_work = column in {"backlog", "plan", "implement", "test", "review"}
    assert columns.allowed_commands(column, is_active=False) == (tuple(Command) if is_at_work else ())


def test_each_command_has_its_column_and_its_word() -> None:
    assert [(each.word, each.column) for each in Command] == [
        (word, word) for word in ("plan", "implement", "test", "review")
    ]
    assert [each for each in Command if each.only_reads] == [Command.PLAN, Command.REVIEW]
    assert [each for each in Command if each.judges] == [Command.TEST, Command.REVIEW]


@given(st.lists(st.sampled_from([*Column]), max_size=30))
def test_no_walk_leads_where_there_is_no_way_back(walk: list[Column]) -> None:
    here = Column.BACKLOG
    for there in walk:
        if there in columns.MOVES[here]:
            here = there
    seen, found = {here}, [here]
    while found:
        fresh = {*columns.MOVES[found.pop()]} - seen
        seen |= fresh
        found += fresh
    assert seen == {*Column}


def test_the_board_refuses_what_is_not_in_the_table_and_says_what_is(database: Database) -> None:
    for column in Column:
        card = make_card(database, column=column)
        before = one(database, card)
        for there in {*Column} - {*columns.MOVES[column], column}:
            with pytest.raises(errors.Conflict) as refused:
                move(database, card, there)
            assert all(each in refused.value.sentence for each in (column, there, *columns.MOVES[column]))
            assert refused.value.members["card"]["allowed_moves"] == columns.MOVES[column]
        assert one(database, card) == before
        assert shown(database, card)["allowed_moves"] == [*columns.MOVES[column]]


def test_the_board_makes_every_move_of_the_table(database: Database) -> None:
    for column in Column:
        for there in columns.MOVES[column]:
            card = make_card(database, column=column)
            before = one(database, card)
            move(database, card, there, version=before.version)
            after = one(database, card)
            assert (after.column, after.version) == (there, before.version + 1)
