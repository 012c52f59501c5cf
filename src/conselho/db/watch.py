"""What if the database neither answers nor goes away? After a while we hang up, and callers hear of it.

The server's own timeouts end what is slow; the kernel's notice a wire that is unplugged. Neither helps where the
server's process is frozen, or its disk hangs: the kernel there goes on acknowledging. So one thread looks, once a
second, for a connection that has been busy for longer than anything may take, and shuts its socket down.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from conselho import clock

ANSWER_SECONDS_MAX = 60.0  # of a whole group or read: twice what the server allows one statement
LOOK_SECONDS = 1.0


class Watch:
    """Connections that are busy, and until when they may be."""

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._look_seconds = min(LOOK_SECONDS, seconds_max)
        self._busy: dict[Any, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Hang up if this takes too long: whoever waits for `connection` gets its error."""
        driver: Any = connection.connection.dbapi_connection
        if not hasattr(driver, "fileno"):
            yield  # SQLite has no wire
            return
        with self._lock:
            self._busy[driver] = clock.monotonic() + self._seconds_max
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._look, name="conselho-watch", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._busy.pop(driver, None)

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._look_seconds):
            now = clock.monotonic()
            with self._lock:
                for driver, until in self._busy.items():
                    if now > until:
                        _hang_up(driver)


def _hang_up(driver: Any) -> None:
    try:
        with socket.socket(fileno=os.dup(driver.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
    except Exception:  # noqa: BLE001, S110 - it may have broken by itself meanwhile, in any way
        pass
