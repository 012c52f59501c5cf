"""What does a process hold open? Its database, its signals, and the settings it was started with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from conselho.db import engine
from conselho.db.session import Database
from conselho.events.broadcast import Broadcast
from conselho.events.listening import ListeningSignals
from conselho.events.signals import Signals
from conselho.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """What is handed to whoever serves or works in this process."""

    settings: Settings
    database: Database
    signals: Signals
    broadcast: Broadcast


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Runtime]:
    """Open all of it for the running event loop, and close it in good order."""
    signals = ListeningSignals(settings.url) if engine.is_shared(settings.url) else Signals()
    signals.bind(asyncio.get_running_loop())
    database = Database(settings.url, on_commit=signals.tell)
    try:
        yield Runtime(settings, database, signals, Broadcast(database))
    finally:
        signals.bind(None)
        await asyncio.to_thread(database.close)
        await asyncio.to_thread(signals.end)
