"""Is there a server behind the socket, does it answer, and does it serve the database that is meant?"""

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from conselho import clock, errors
from conselho.server import holder

if TYPE_CHECKING:
    from conselho.server.holder import Holder
    from conselho.settings import Settings

ANSWER_SECONDS = 5.0
"""To say that it is alive. A server that takes longer is stopped, or its machine is not to be worked with."""


LOOK_SECONDS = 0.1
"""Between looks for a server that somebody may start."""


def answers(settings: "Settings") -> bool:
    """Whether somebody listens at the socket. Raises: errors.Refused where we may not ask."""
    match _knock(settings.socket_path):
        case PermissionError() as error:
            raise errors.Refused(shut(settings.socket_path)) from error
        case None | BlockingIOError():
            return True
        case _:
            return False


def await_somebody(settings: "Settings", seconds: float | None) -> bool:
    """Whether somebody listens and answers within that time, None: however long it takes.

    Raises: errors.Invalid where it is another database that is served there.
    """
    until = None if seconds is None else clock.monotonic() + seconds
    while not (answers(settings) and _is_well(settings)):
        if until is not None and clock.monotonic() > until:
            return False
        time.sleep(LOOK_SECONDS)  # a socket that is not there yet cannot be waited for
    return True


def check(settings: "Settings") -> "Holder | None":
    """Who serves, if it serves the database that is meant and answers; None if it does not say who it is.

    Where no database is named, that of the server is meant. Raises: errors.Invalid, errors.Unavailable.
    """
    serving = holder.look(settings.data_dir)
    if settings.database_url is not None and is_elsewhere(settings, serving):
        raise errors.Invalid(f"{_served(settings, serving)} with another database: end it, or leave --database-url out")
    if is_silent(settings.socket_path, ANSWER_SECONDS):
        end = f", or end it with `kill -9 {serving.pid}`: its runs go on" if serving and serving.pid else ""
        raise errors.Unavailable(f"{_served(settings, serving)}, which does not answer: wait for it{end}")
    return serving


def is_elsewhere(settings: "Settings", serving: "Holder | None") -> bool:
    """Whether that one works on another database than these settings name; False if it does not say."""
    if serving is None or serving.database is None:
        return False
    from conselho.db import engine  # noqa: PLC0415 - takes longer than most commands, which name no database

    return serving.database != engine.fingerprint(settings.url)


def is_silent(socket_path: Path, seconds: float) -> bool:
    """Whether somebody listens there and does not say within `seconds` that it is alive: frozen, for one."""
    if isinstance(_knock(socket_path), BlockingIOError):
        return True
    transport = httpx.HTTPTransport(uds=str(socket_path))
    try:
        with httpx.Client(transport=transport, base_url="http://conselho", trust_env=False) as http:
            http.get("/livez", timeout=seconds)
    except httpx.TimeoutException:
        return True
    except httpx.HTTPError:
        return False  # nobody listens, or it ended at this very moment
    return False


def shut(socket_path: Path) -> str:
    """Why we may not connect, as far as the files say."""
    found = next(path for path in (socket_path, *socket_path.parents) if os.access(path.parent, os.X_OK))
    if found.lstat().st_uid != os.geteuid():
        return f"{socket_path} belongs to another user: use a --data-dir of your own"
    return f"{socket_path} cannot be used, though it is yours: mend the permissions with `chmod u+rwX {found}`"


def _knock(socket_path: Path) -> OSError | None:
    """Why nobody can be reached there; BlockingIOError: so many wait for an answer that there is room for no more."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the name says it
        try:
            probe.connect(str(socket_path))
        except OSError as error:
            return error
    return None


def _is_well(settings: "Settings") -> bool:
    try:
        check(settings)
    except errors.Unavailable:
        return False  # it is silent
    return True


def _served(settings: "Settings", serving: "Holder | None") -> str:
    return f"{settings.data_dir} is served by {'another process' if serving is None else serving.words}"
