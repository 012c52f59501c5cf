"""How does a program run where nothing but this machine's loopback can be reached? In a network namespace of its own.

    python -m tests.agent_clis.island PROGRAM ARGUMENT…

does what it is given there, once its loopback is up; `shore` and `bridge` are the commands before it that make the
namespace and enter it. What speaks over a Unix socket is reached from outside all the same.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of linux/sockios.h
_REQUEST = "16sh14x"  # struct ifreq, as far as it is asked for


def shore() -> list[str]:
    """The command that does what is behind it in a new namespace."""
    return ["unshare", *_OWN_USER, "--net", "--", *_INSIDE]


def bridge(pid: int) -> list[str]:
    """The command that does what is behind it in the namespace of that process."""
    return ["nsenter", "--target", str(pid), *_THEIR_USER, "--net", "--", *_INSIDE]


def missing() -> str | None:
    """Why there can be no such namespace here, None where there can."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "no unshare: install the Debian package `util-linux`"
    tried = subprocess.run([*shore(), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no network namespaces here: {tried.stderr.strip()[-200:]}"


def is_within(pid: int) -> bool:
    """Whether that process has left our namespace."""
    return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def main(argv: list[str]) -> None:
    """Bring loopback up, and be another program from here on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(_REQUEST, b"lo", 0)
        _, flags = struct.unpack(_REQUEST, fcntl.ioctl(any_socket, _GET_FLAGS, asked))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
    os.execvp(argv[0], argv)  # noqa: S606 - the tests' own programs


_INSIDE = [sys.executable, "-m", "tests.agent_clis.island"]
_OWN_USER = [] if os.geteuid() == 0 else ["--map-root-user"]
_THEIR_USER = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]

if __name__ == "__main__":
    main(sys.argv[1:])
