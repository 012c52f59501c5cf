"""How is a command given, from the caller's wish to the accepted execution?

Reading, git and writing take turns here: git may take its time, and no transaction waits for it. Of those who command
one card at once the first is heard; the others, when it is their turn, are told that it has a run.
"""

import asyncio
from pathlib import Path

from conselho import errors, ids
from conselho.cards import board, commands, queries, settling
from conselho.cards.commands import Order
from conselho.cards.turns import turn
from conselho.db.session import Database, Tx
from conselho.executions import queue


async def give(database: Database, data_dir: Path, name: str, order: Order, key: str | None = None) -> str:
    """Give a card a command; returns the id of its execution, under a key that was heard before the one of then.

    Raises: errors.NotFound; errors.Invalid; errors.Conflict with why not now; errors.Unavailable.
    """
    card = await database.read(queries.one, name)
    named = None if key is None else (key, order.digest(card.id))
    if named is not None:
        made = await database.read(queue.made_before, *named)
        if made is not None:
            return made
    if card.unsettled_execution_id is not None:
        await settling.settle(database, card.id)  # if its last run has ended just now
    await database.read(commands.look, card.id, order)  # who cannot be heard need not wait for that
    async with turn(card.id):
        if named is not None:
            made = await database.read(queue.made_before, *named)
            if made is not None:
                return made
        for is_last in (False, False, True):
            try:
                return await _begun(database, data_dir, card.id, order, named)
            except commands.ChangedMeanwhile:
                if is_last:
                    raise
    raise AssertionError  # unreachable: the last try returns or raises


async def _begun(database: Database, data_dir: Path, card_id: str, order: Order, named: tuple[str, str] | None) -> str:
    """One try. Raises: commands.ChangedMeanwhile where somebody changed the card while git was at it."""
    ready = await database.read(commands.look, card_id, order)
    try:
        place = await asyncio.to_thread(commands.make_place, ready, data_dir)
        request = await asyncio.to_thread(commands.compose, ready, place, data_dir)
    except errors.Conflict as error:
        await database.read(commands.look, card_id, order)  # another process was first, and has the branch
        raise await database.read(_refused, card_id, error.sentence) from error
    except OSError as error:
        sentence = f"{ready.project.path} cannot be worked in: {error.strerror or error}"
        raise await database.read(_refused, card_id, sentence) from error
    return await database.write(commands.begin, ready, place, request, ids.new(), named)


def _refused(tx: Tx, card_id: str, sentence: str) -> errors.Conflict:
    return board.refused(tx, queries.one(tx, card_id), sentence)
