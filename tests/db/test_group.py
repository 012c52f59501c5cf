"""What happens to a unit's neighbours when it refuses, fails, or is wrong?"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import String, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conselho.db.session import Database, Tx, at_once
from conselho.db.tx import StatementRefused
from conselho.errors import Conflict
from tests.db.conftest import (
    HAPPENED,
    INSERT_NOTE,
    NOTES,
    PATIENCE_SECONDS,
    add_note,
    add_note_and_tell,
    fail,
    found_happenings,
    found_notes,
    refuse,
    set_body,
    together,
)

INSERT_AND_TELL = postgresql.insert(NOTES).on_conflict_do_nothing().returning(NOTES.c.id)


class Local(DeclarativeBase):
    pass


class Note(Local):
    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    body: Mapped[str]


class Runs:
    """Units that note how often they ran, and in which transaction."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Tx]] = []

    def add(self, tx: Tx, note_id: str) -> str:
        self.seen.append((note_id, tx))
        add_note_and_tell(tx, note_id)
        return note_id

    def of(self, note_id: str) -> int:
        return sum(1 for seen, _ in self.seen if seen == note_id)

    @property
    def transactions(self) -> int:
        return len({id(tx) for _, tx in self.seen})


def test_units_that_wait_together_share_one_transaction(notes: Database) -> None:
    runs = Runs()

    outcomes = together(notes, *[lambda n=n: notes.submit(runs.add, f"{n:02}") for n in range(20)])

    assert outcomes == [f"{n:02}" for n in range(20)]
    assert runs.transactions == 1
    assert found_notes(notes) == outcomes


def test_a_group_has_at_most_200_units(notes: Database) -> None:
    runs = Runs()

    together(notes, *[lambda n=n: notes.submit(runs.add, f"{n:03}") for n in range(450)])

    sizes = [sum(1 for _, tx in runs.seen if tx is each) for each in dict.fromkeys(tx for _, tx in runs.seen)]
    assert sizes == [200, 200, 50]


def test_a_refusal_before_any_change_rolls_nobody_back(notes: Database) -> None:
    runs = Runs()

    first, refused, last = together(
        notes,
        lambda: notes.submit(runs.add, "a"),
        lambda: notes.submit(refuse),
        lambda: notes.submit(runs.add, "b"),
    )

    assert (first, last) == ("a", "b")
    assert isinstance(refused, Conflict)
    assert (runs.of("a"), runs.of("b"), runs.transactions) == (1, 1, 1)
    assert found_notes(notes) == ["a", "b"]


def test_losing_a_race_and_then_refusing_is_no_change(notes: Database) -> None:
    runs = Runs()

    def lose(tx: Tx) -> None:
        if not set_body(tx, "nowhere", "x"):
            raise Conflict("lost")

    together(notes, lambda: notes.submit(runs.add, "a"), lambda: notes.submit(lose))

    assert runs.of("a") == 1


def test_what_a_refusing_unit_collected_and_signalled_is_dropped(notes_url: str) -> None:
    told: list[tuple[str, ...]] = []
    notes = Database(notes_url, on_commit=told.append)
    runs = Runs()

    def promise(tx: Tx) -> None:
        tx.collect(HAPPENED, "never")
        tx.signal("never")
        refuse(tx)

    together(notes, lambda: notes.submit(promise), lambda: notes.submit(runs.add, "a"))

    assert found_happenings(notes) == ["added a"]
    assert told == [("note a",)]
    assert runs.of("a") == 1
    notes.close()


@pytest.mark.parametrize("how", ["insert", "update", "raw text", "changing select", "mapped", "mapped unflushed"])
def test_a_refusal_after_a_change_undoes_that_unit_alone(notes: Database, how: str) -> None:
    runs = Runs()
    notes.submit(add_note, "old", "as it was").result(PATIENCE_SECONDS)

    def change(tx: Tx) -> None:
        match how:
            case "insert":
                add_note(tx, "guilty")
            case "update":
                set_body(tx, "old", "changed")
            case "raw text":
                tx.execute(text("DELETE FROM notes WHERE id = 'old'"))
            case "changing select":
                if tx.dialect == "postgresql":
                    added = insert(NOTES).values(id="guilty", body="").returning(NOTES.c.id).cte()
                    tx.execute(select(added.c.id))
                else:  # SQLite has no such statement
                    add_note(tx, "guilty")
            case "mapped":
                tx.session.add(Note(id="guilty", body=""))
                tx.session.flush()
            case "mapped unflushed":
                tx.session.add(Note(id="guilty", body=""))
        refuse(tx)

    first, guilty, last = together(
        notes,
        lambda: notes.submit(runs.add, "a"),
        lambda: notes.submit(change),
        lambda: notes.submit(runs.add, "b"),
    )

    assert (first, last) == ("a", "b")
    assert isinstance(guilty, Conflict)
    assert found_notes(notes) == ["a", "b", "old"]
    body = notes.fetch(lambda tx: tx.execute(select(NOTES.c.body).where(NOTES.c.id == "old")).scalar_one())
    assert body.result(PATIENCE_SECONDS) == "as it was"
    assert runs.of("a") == 2
    assert found_happenings(notes) == ["added a", "added b"]


def test_a_bug_in_one_unit_fails_that_unit_alone(notes: Database) -> None:
    first, guilty, last = together(
        notes,
        lambda: notes.submit(add_note_and_tell, "a"),
        lambda: notes.submit(fail),
        lambda: notes.submit(add_note_and_tell, "b"),
    )

    assert (first, last) == (None, None)
    assert isinstance(guilty, ValueError)
    assert found_notes(notes) == ["a", "b"]
    assert found_happenings(notes) == ["added a", "added b"]


def test_a_database_error_in_one_unit_fails_that_unit_alone(notes: Database) -> None:
    outcomes = together(
        notes,
        lambda: notes.submit(add_note, "a"),
        lambda: notes.submit(add_note, "a"),
        lambda: notes.submit(add_note, "b"),
    )

    assert isinstance(outcomes[1], IntegrityError)
    assert [outcomes[0], outcomes[2]] == ["a", "b"]
    assert found_notes(notes) == ["a", "b"]


@pytest.mark.parametrize("mapped", [False, True], ids=["statement", "mapped"])
def test_a_unit_cannot_hide_a_database_error(notes: Database, mapped: bool) -> None:
    further: list[Exception] = []

    def swallow(tx: Tx) -> str:
        add_note(tx, "half")
        try:
            if mapped:
                tx.session.add(Note(id="half", body="again"))
                tx.session.flush()
            else:
                add_note(tx, "half")
        except DBAPIError:
            pass
        try:
            tx.execute(INSERT_NOTE, {"id": "other half", "body": ""})
        except StatementRefused as error:
            further.append(error)
        return "all is well"

    outcomes = together(
        notes,
        lambda: notes.submit(add_note, "a"),
        lambda: notes.submit(swallow),
        lambda: notes.submit(add_note, "b"),
    )

    assert isinstance(outcomes[1], IntegrityError)
    assert len(further) == 2  # once among others, once in its savepoint
    assert found_notes(notes) == ["a", "b"]


def test_a_mapped_error_that_reaches_no_database_cannot_be_hidden(notes: Database) -> None:
    def swallow(tx: Tx) -> None:
        add_note(tx, "half")
        tx.session.add(Note(id="odd", body=object()))
        with contextlib.suppress(Exception):
            tx.session.flush()

    outcomes = together(notes, lambda: notes.submit(add_note, "a"), lambda: notes.submit(swallow))

    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], Exception)
    assert found_notes(notes) == ["a"]


def test_a_commit_that_fails_fails_the_guilty_unit_alone(notes: Database) -> None:
    def make_children(tx: Tx) -> None:
        parent = "TEXT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED"
        tx.execute(text(f"CREATE TABLE children (parent {parent})"))

    def add_child(tx: Tx, parent: str) -> str:
        tx.execute(text("INSERT INTO children VALUES (:parent)"), {"parent": parent})
        return parent

    notes.submit(make_children).result(PATIENCE_SECONDS)
    outcomes = together(
        notes,
        lambda: notes.submit(add_note_and_tell, "a"),
        lambda: notes.submit(add_child, "nobody"),
        lambda: notes.submit(add_child, "a"),
    )

    assert [outcomes[0], outcomes[2]] == [None, "a"]
    assert isinstance(outcomes[1], IntegrityError)
    assert found_happenings(notes) == ["added a"]
    assert notes.submit(add_note, "b").result(PATIENCE_SECONDS) == "b"


def test_mapped_objects_are_let_go_with_what_they_held(notes: Database) -> None:
    notes.submit(add_note, "a", "old").result(PATIENCE_SECONDS)

    def load(tx: Tx) -> Note:
        return tx.session.get_one(Note, "a")

    def load_after_change(tx: Tx) -> str:
        set_body(tx, "a", "new")
        return tx.session.get_one(Note, "a").body

    loaded, body = together(notes, lambda: notes.submit(load), lambda: notes.submit(load_after_change))

    assert isinstance(loaded, Note)
    assert loaded.body == "old"
    assert body == "new"


def test_a_unit_may_neither_commit_nor_roll_back(notes: Database) -> None:
    def end(tx: Tx, how: str) -> None:
        getattr(tx.session, how)()

    for how in ("commit", "rollback"):
        assert isinstance(notes.submit(end, how).exception(PATIENCE_SECONDS), StatementRefused)


def test_a_transaction_that_is_over_refuses_statements(notes: Database) -> None:
    kept: list[Tx] = []
    notes.submit(kept.append).result(PATIENCE_SECONDS)
    notes.fetch(kept.append).result(PATIENCE_SECONDS)

    for tx in kept:
        with pytest.raises(StatementRefused):
            tx.execute(select(NOTES.c.id))


class Notes:
    """A unit that several callers can have done at once, and how often that was."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def add_all(self, tx: Tx, calls: Sequence[tuple[str]]) -> list[str | Conflict]:
        self.sizes.append(len(calls))
        found = tx.execute_each(INSERT_AND_TELL, [{"id": note_id, "body": ""} for (note_id,) in calls])
        return [
            rows[0].id if rows else Conflict(f"{note_id} is there")
            for rows, (note_id,) in zip(found, calls, strict=True)
        ]

    def add(self) -> Callable[[Tx, str], str]:
        @at_once(self.add_all)
        def add(tx: Tx, note_id: str) -> str:
            (answer,) = self.add_all(tx, [(note_id,)])
            if isinstance(answer, Conflict):
                raise answer
            return answer

        return add


def test_callers_of_the_same_that_meet_are_served_at_once_and_each_gets_its_own(notes: Database) -> None:
    counted = Notes()
    add = counted.add()
    notes.submit(add, "there").result(PATIENCE_SECONDS)
    notes.submit(add, "again").result(PATIENCE_SECONDS)  # from now on the statement is known
    counted.sizes.clear()
    told = together(
        notes,
        *(partial(notes.submit, add, note_id) for note_id in ("a", "there", "b", "a", "c")),
        partial(notes.submit, add_note, "other"),
        partial(notes.submit, add, "d"),
    )
    assert [str(each) for each in told] == ["a", "there is there", "b", "a is there", "c", "other", "d"]
    assert [type(each) for each in told].count(Conflict) == 2
    assert counted.sizes == [5, 1]
    assert found_notes(notes) == ["a", "again", "b", "c", "d", "other", "there"]


def test_where_one_of_them_is_wrong_each_is_done_by_itself(notes: Database) -> None:
    counted = Notes()
    add = counted.add()
    nothing: Any = None
    told = together(notes, *(partial(notes.submit, add, note_id) for note_id in ("a", nothing, "b")))
    assert (told[0], told[2]) == ("a", "b")
    assert isinstance(told[1], DBAPIError)
    assert counted.sizes == [3, 1, 1, 1]
    assert found_notes(notes) == ["a", "b"]
