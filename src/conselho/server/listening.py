"""Where does the server listen? On a Unix socket for its owner, and on TCP at a loopback address.

Both doors lead to one application on one event loop. Until there is sign-in nobody but this machine may come to the
TCP door, and what comes there is looked at (`guard.py`); the socket is protected by its rights.
"""

import errno
import ipaddress
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conselho import errors

OPEN_FILES_MAX = 65_536  # connections, a file each, and what runs and the database need

_NAMES = {"localhost": "127.0.0.1"}


def loopback(host: str) -> str:
    """The address to listen on, checked.

    Raises: errors.Invalid for a name, or an address that others could reach.
    """
    try:
        address = ipaddress.ip_address(_NAMES.get(host.lower(), host.strip("[]")))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise errors.Invalid(
            f"cannot listen on {host[:100]!r}: without sign-in, which is not built yet, whoever reaches the server may"
            " run commands, so it is a loopback address only (127.0.0.1 or ::1)"
        )
    return str(address)


def open_tcp(host: str, port: int) -> socket.socket:
    """A socket with that address, 0 for any free port; nobody is let in before it listens.

    Raises: errors.Invalid for an address that may not be; errors.AddressTaken.
    """
    address = loopback(host)
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        # A server that starts again must not wait for the connections of the one before to be forgotten.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise _refusal(address, port, error) from error
    return opened


def allow_many() -> None:
    """Let this process have as many connections as the machine allows it; its runs keep the limit it began with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def address_of(opened: socket.socket) -> str:
    """The URL at which a TCP socket is reached."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """A socket with a file, for its owner alone, while the body runs.

    What a killed server left in its place is cleared away: the data directory's lock is ours.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    opened = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        opened.bind(str(path))
    except OSError as error:
        opened.close()
        raise errors.Invalid(f"the socket {path} cannot be made: {error.strerror}") from error
    finally:
        os.umask(mask)
    try:
        yield opened
    finally:
        opened.close()
        with suppress(FileNotFoundError):
            path.unlink()


def _refusal(address: str, port: int, error: OSError) -> errors.ConselhoError:
    shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if error.errno == errno.EADDRINUSE:
        return errors.AddressTaken(f"{shown} is taken by another program: choose a port with --port (0: any free one)")
    if error.errno == errno.EACCES:
        return errors.Invalid(f"{shown} needs rights that this user has not: choose a --port above 1023")
    return errors.Invalid(f"cannot listen on {shown}: {(error.strerror or str(error)).lower()}")
