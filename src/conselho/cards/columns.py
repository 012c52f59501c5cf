"""Which columns does the board have, where may a card go from each, and which command belongs to which?

The one table of moves: the API tells clients from it what they may do, and the units check by it.
"""

from enum import StrEnum


class Column(StrEnum):
    """Where a card stands, in the order of the board."""

    BACKLOG = "backlog"
    PLAN = "plan"
    IMPLEMENT = "implement"
    TEST = "test"
    REVIEW = "review"
    DONE = "done"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """What a card's agents can be told to do."""

    PLAN = "/plan"
    IMPLEMENT = "/implement"
    TEST = "/test"
    REVIEW = "/review"

    @property
    def word(self) -> str:
        """Its name without the slash: of its column, its prompt and its place in `agents`."""
        return self.value[1:]

    @property
    def column(self) -> Column:
        """Where a card stands while it is at this."""
        return Column(self.word)

    @property
    def only_reads(self) -> bool:
        """Whether it is to leave the project as it is."""
        return self in {Command.PLAN, Command.REVIEW}

    @property
    def judges(self) -> bool:
        """Whether it ends with a verdict on the work."""
        return self in {Command.TEST, Command.REVIEW}


_WAY = (Column.BACKLOG, Column.PLAN, Column.IMPLEMENT, Column.TEST, Column.REVIEW, Column.DONE)
WORKING = _WAY[:-1]  # where commands are given

MOVES: dict[Column, tuple[Column, ...]] = {
    Column.BACKLOG: (Column.PLAN, Column.CANCELLED),
    **{here: (after, before, Column.CANCELLED) for before, here, after in zip(_WAY, _WAY[1:], _WAY[2:], strict=False)},
    Column.DONE: (Column.ARCHIVED, Column.REVIEW, Column.CANCELLED),
    Column.ARCHIVED: (Column.DONE,),
    Column.CANCELLED: (Column.BACKLOG,),
}


def allowed_moves(column: Column, *, is_active: bool) -> tuple[Column, ...]:
    """Where a card may go from there; with an active run only to where that is cancelled."""
    moves = MOVES[column]
    return tuple(each for each in moves if each is Column.CANCELLED) if is_active else moves


def allowed_commands(column: Column, *, is_active: bool) -> tuple[Command, ...]:
    """What a card may be told to do there."""
    return () if is_active or column not in WORKING else tuple(Command)
