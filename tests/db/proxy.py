"""A wire to PostgreSQL that can be cut, also at the very moment of a COMMIT."""

import contextlib
import selectors
import socket
import threading
from typing import Self

from sqlalchemy.engine import make_url

CHUNK_BYTES = 65_536


class Proxy:
    """Passes TCP on to the server of a URL; `url` leads through it.

    Encryption is switched off on the way, so that a COMMIT can be seen.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self._server = _door(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.url = (
            address.set(host="127.0.0.1", port=self._port)
            .update_query_dict({"sslmode": "disable", "gssencmode": "disable", "connect_timeout": "2"})
            .render_as_string(hide_password=False)
        )
        self._lock = threading.Lock()
        self._wires: list[tuple[socket.socket, socket.socket]] = []
        self._refusing = False
        self._stalling = False
        self._frozen = False
        self.stalled = threading.Event()  # somebody has connected while `stall` held
        self._cut_at: tuple[bytes, bool] | None = None
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Cut every wire there is; new ones may be made."""
        with self._lock:
            wires, self._wires = self._wires, []
        for client, server in wires:
            _shut(client)
            if server is client:
                client.close()  # one that stalled: no thread will
            else:
                _shut(server)

    def refuse(self) -> None:
        """Cut, and hang up on everyone who connects, until `restore`."""
        self._refusing, self._stalling = True, False
        self.cut()

    def freeze(self) -> None:
        """Pass nothing on any more, but keep the wires: a server that neither answers nor goes away."""
        self._frozen = True

    def stall(self) -> None:
        """Cut, and let everyone who connects wait for an answer, until `refuse` or `restore`."""
        self._stalling = True
        self.cut()

    def restore(self) -> None:
        self._refusing = self._stalling = self._frozen = False
        self.cut()

    def lead_to(self, url: str) -> None:
        """Lead whoever connects from now on to the server of another URL."""
        self._server = _door(url)

    def cut_at(self, word: bytes, *, delivered: bool) -> None:
        """Cut, once, where a client says `word`: before the server hears it, or before its answer is passed on."""
        self._cut_at = (word, delivered)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            if self._stalling:
                with self._lock:
                    self._wires.append((client, client))
                self.stalled.set()
                continue
            server = socket.create_connection(self._server)
            with self._lock:
                self._wires.append((client, server))
            thread = threading.Thread(target=self._pass_on, args=(client, server))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in selector.select():
                        source, to = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        data = source.recv(CHUNK_BYTES)
                        if not data or (source is client and self._cuts(data, server)):
                            return
                        if not self._frozen:
                            to.sendall(data)

    def _cuts(self, data: bytes, server: socket.socket) -> bool:
        if self._cut_at is None or self._cut_at[0] not in data:
            return False
        _, delivered = self._cut_at
        self._cut_at = None
        if delivered:
            server.sendall(data)
            server.recv(CHUNK_BYTES)  # the server has answered, so it is done
        return True


def _door(url: str) -> tuple[str, int]:
    address = make_url(url)
    return address.host or "127.0.0.1", address.port or 5432


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
