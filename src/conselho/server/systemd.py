"""How does systemd learn that the server is ready, or on its way down? One datagram a word.

Source: sd_notify(3). Only a unit of `Type=notify` sets NOTIFY_SOCKET; everywhere else nothing is sent.
"""

import logging
import os
import socket

READY, STOPPING = "READY=1", "STOPPING=1"

_log = logging.getLogger(__name__)


def notify(word: str) -> None:
    """Tell systemd, if it asked to be told. Never fails: a server that serves is worth more than the word of it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.settimeout(1.0)
            # "@" stands for the NUL that begins a name outside the file system.
            wire.sendto(word.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        _log.warning("systemd could not be told %s: %s", word, error)
