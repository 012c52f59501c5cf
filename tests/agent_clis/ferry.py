"""How does a program on the island reach a PostgreSQL ashore? Over a Unix socket: a file, which both of them see."""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

PORT = 5432  # the usual one, for which a socket's file is named


@contextlib.contextmanager
def to(url: str) -> Iterator[str]:
    """The URL of the same database from anywhere on this machine, while this is entered."""
    ashore = make_url(url)
    place = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as pier:
        pier.bind(str(place / f".s.PGSQL.{PORT}"))
        pier.listen()
        threading.Thread(target=_serve, args=(pier, (ashore.host, ashore.port)), daemon=True).start()
        try:
            query = {"host": str(place), "port": str(PORT)}
            reached = ashore.set(host=None, port=None, query=ashore.query | query)
            yield reached.render_as_string(hide_password=False)
        finally:
            pier.shutdown(socket.SHUT_RDWR)
            shutil.rmtree(place)


def _serve(pier: socket.socket, harbour: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):  # it is over
        while True:
            here, _ = pier.accept()
            threading.Thread(target=_ferry, args=(here, socket.create_connection(harbour)), daemon=True).start()


def _ferry(here: socket.socket, there: socket.socket) -> None:
    with here, there:
        back = threading.Thread(target=_carry, args=(there, here), daemon=True)
        back.start()
        _carry(here, there)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while portion := source.recv(65536):
            target.sendall(portion)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
