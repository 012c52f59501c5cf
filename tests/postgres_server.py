"""A PostgreSQL for the length of one run of the tests: nothing of it is left, however the run ends.

Run as a program, `python tests/postgres_server.py PID DIRECTORY_OF_PROGRAMS [URL]`. It starts a server that waits for
no disk, prints its URL, and keeps it until the process PID (the run's controller) has ended, killed or not. With a URL
it is a standby: a copy of that server as it is now, that hears nothing more of it.
"""

import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

READY = re.compile(rb"ready to accept (read.only )?connections")
SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",  # a test's database is thrown away
    "full_page_writes=off",
    "autovacuum=off",  # it would only compete for the processors
    "max_connections=200",
    "shared_buffers=64MB",
    "logging_collector=off",
)


def main(controller: int, programs: Path, original: str | None = None) -> None:
    ended = os.pidfd_open(controller)
    directory = Path(tempfile.mkdtemp(prefix="conselho-postgres-", dir="/tmp"))
    try:
        server, url = start(programs, directory, original)
        print(url, flush=True)  # noqa: T201 - what this program answers
        select.select([ended], [], [])
        server.send_signal(signal.SIGQUIT)  # "immediate": there is nothing to keep
        server.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def start(programs: Path, directory: Path, original: str | None) -> tuple[subprocess.Popen[bytes], str]:
    """A server on a free port. PostgreSQL refuses to run as root, so root starts it as somebody else."""
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = somebody()
        os.chown(directory, user.pw_uid, user.pw_gid)
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = directory / "data"
    if original is None:
        words = ["initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    else:
        words = ["pg_basebackup", "-D", str(data), "-d", original, "--checkpoint=fast", "--no-sync"]
    subprocess.run([str(programs / words[0]), *words[1:]], check=True, stdout=subprocess.DEVNULL, cwd="/", **identity)
    if original is not None:
        (data / "standby.signal").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [argument for setting in SETTINGS for argument in ("-c", setting)]
    server = subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings],
        stderr=subprocess.PIPE,
        cwd="/",
        **identity,
    )
    assert server.stderr is not None
    said = b""
    for line in server.stderr:
        said += line
        if READY.search(line):
            # What it says later goes nowhere, but must be read: a full pipe would stop it.
            subprocess.Popen(["/bin/cat"], stdin=server.stderr, stdout=subprocess.DEVNULL, cwd="/")
            return server, f"postgresql://postgres@127.0.0.1:{port}/postgres"
    raise SystemExit(f"PostgreSQL did not start: {said.decode(errors='replace')}")


def somebody() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SystemExit("root may not run PostgreSQL, and there is neither a user postgres nor nobody")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
