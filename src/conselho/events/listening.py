"""How do the processes that share a PostgreSQL wake each other? By NOTIFY, over one connection of each process.

What a process commits, it tells the others after the commit: topics only, those that piled up meanwhile together in
one message. Nothing is kept for who does not listen. So a connection that breaks is made anew, and whoever waits here
then looks for itself, because nobody can say what was missed.

One thread has the connection and no other touches it. It must not go through a pooler that changes sessions between
transactions: such a listener would hear nothing, and everything would be found by looking only.
"""

import contextlib
import logging
import os
import random
import selectors
import socket
import threading
from collections.abc import Iterable, Iterator

import psycopg

from conselho.db import engine
from conselho.events.signals import Signals

CHANNEL = "conselho"
PAYLOAD_BYTES_MAX = 7_000  # PostgreSQL takes 8,000
TOPICS_WAITING_MAX = 10_000  # while the server is away; past it everybody is woken by EVERYTHING
EVERYTHING = "*"
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.1, 5.0  # before connecting anew, doubled each time, half of it jitter
CLOSING_SECONDS = 2.0  # for what is still to be told; then the connection is cut

_NOTIFY = "SELECT pg_notify(%s, %s)"

_log = logging.getLogger(__name__)


class ListeningSignals(Signals):
    """The signals of one process among several."""

    def __init__(self, url: str) -> None:
        """Begin to listen; the server need not be there yet."""
        super().__init__()
        self._url = url
        self._lock = threading.Lock()
        self._outbox: dict[str, None] = {}
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)  # noqa: FBT003 - the name says it
        self._ended = threading.Event()
        self._connection: psycopg.Connection | None = None
        self.heard.clear()
        self._thread = threading.Thread(target=self._work, name="conselho-listener", daemon=True)
        self._thread.start()

    def tell(self, topics: tuple[str, ...]) -> None:
        """Wake whoever waits for one of `topics`, here and in the other processes. Never waits, never fails."""
        super().tell(topics)
        with self._lock:
            self._outbox.update(dict.fromkeys(topics))
            if len(self._outbox) > TOPICS_WAITING_MAX:
                self._outbox = {EVERYTHING: None}
        self._ring()

    def end(self) -> None:
        """Tell what is to be told, then let the connection go."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._ring()
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            self._hang_up()
            self._thread.join()
        self._bell.close()
        self._ear.close()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it has not heard the last ones yet; closed: nobody is there
            self._bell.send(b"1")

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        pause, is_well = AGAIN_SECONDS, True
        while not self._ended.is_set():
            try:
                with engine.connect_directly(self._url) as connection:
                    self._connection = connection
                    connection.execute(f"LISTEN {CHANNEL}")
                    if not is_well:
                        _log.warning("the database's signals are heard again")
                    pause, is_well = AGAIN_SECONDS, True
                    self._wake_everybody()  # nobody knows what was told while nobody listened
                    self.heard.set()
                    self._attend(connection)
            except (psycopg.Error, OSError) as error:
                if is_well and not self._ended.is_set():
                    _log.warning("the database's signals are not heard, and waiting takes longer: %s", error)
                is_well = False
                with self._lock:
                    self._outbox = {EVERYTHING: None}  # what was on its way may be lost: let the others look
                self._ended.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause = min(pause * 2, AGAIN_SECONDS_MAX)
            finally:
                self.heard.clear()
                self._connection = None

    def _attend(self, connection: psycopg.Connection) -> None:
        """Pass on what is told and hear what the others tell, until the end, or an error."""
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            while True:
                is_over = self._ended.is_set()
                for payload in self._take_outbox():
                    connection.execute(_NOTIFY, (CHANNEL, payload))
                self._hear(connection)
                if is_over:
                    return
                selector.select()
                with contextlib.suppress(BlockingIOError):
                    while self._ear.recv(4096):
                        pass

    def _hear(self, connection: psycopg.Connection) -> None:
        topics: dict[str, None] = {}
        for notice in connection.notifies(timeout=0):
            if notice.pid != connection.info.backend_pid:  # our own were told here at once
                topics.update(dict.fromkeys(notice.payload.split("\n")))
        if EVERYTHING in topics:
            self._wake_everybody()
        else:
            super().tell(tuple(topics))

    def _wake_everybody(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed in between
                loop.call_soon_threadsafe(self.wake_all)

    def _take_outbox(self) -> Iterator[str]:
        with self._lock:
            topics, self._outbox = self._outbox, {}
        return payloads(topics)


def payloads(topics: Iterable[str]) -> Iterator[str]:
    """Topics, a line each, in as few messages as hold them."""
    lines: list[str] = []
    size = 0
    for topic in topics:
        length = len(topic.encode()) + 1
        if lines and size + length > PAYLOAD_BYTES_MAX:
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(topic)
        size += length
    if lines:
        yield "\n".join(lines)
