"""Who does something with a card's worktree in this process? One at a time, and the others wait without a thread."""

import asyncio
from weakref import WeakValueDictionary

_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


def turn(card_id: str) -> asyncio.Lock:
    """What to hold meanwhile, with `async with`."""
    found = _turns.get(card_id)
    if found is None:
        found = _turns[card_id] = asyncio.Lock()
    return found
