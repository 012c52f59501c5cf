"""How do the tests start a server in a tenth of a second? It forks one from a process that has imported everything.

    python -m tests.acceptance.nursery DESCRIPTOR

What is born is a server as any other, but for the second that Python takes to read the product's files. The nursery
is its parent, as a shell would be: it is told to start servers, and asked how they ended, over a socket. When whoever
tells it is gone, so are the nursery and all its children.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from conselho.cli import main as main_command
from tests.acceptance import busy_server, dying_server

REPOSITORY = Path(__file__).parents[2]
ORDER_BYTES_MAX = 65_536
# What a server imports only when it starts, imported here once for all of them.
LATER = (
    "anyio._backends._asyncio", "conselho.cli.serve", "conselho.server.serving", "psycopg", "rich.console",
    "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite", "uvicorn.lifespan.off",
    "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
)  # fmt: skip


class Child:
    """A server that was born there; spoken of as `subprocess.Popen` would be."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, negative for a signal. Raises: TimeoutError."""
        if self._code is None:
            self._code = int(self._nursery.ask({"wait": self.pid, "seconds": timeout}))
        return self._code

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._code is None:  # until it is waited for, its id is nobody else's
            os.kill(self.pid, number)


class Nursery:
    """The parent process, seen by those who want servers."""

    def __init__(self, within: Sequence[str] = ()) -> None:
        """`within`: a command that does what it is given in surroundings of its own - in a network namespace, say."""
        self._wire, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its_end:
            self._process = subprocess.Popen(
                [*within, sys.executable, "-m", "tests.acceptance.nursery", str(its_end.fileno())],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                pass_fds=(its_end.fileno(),),
                start_new_session=True,  # a Ctrl-C is for us to answer
            )
        self.pid = self._process.pid

    def bear(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        ready: int,
        log: int,
        death: tuple[str, str] | None,
        busy: int = 0,
    ) -> Child:
        """Start `conselho serve`, which says on `ready` that it listens.

        `death` is a point and how to end there; `busy` is how many executions it makes by itself.
        """
        order = {"arguments": list(arguments), "environment": dict(environment), "death": death, "busy": busy}
        return Child(self, int(self.ask(order, ready, log)))

    def ask(self, order: Mapping[str, object], *descriptors: int) -> int:
        """Have something done. Raises: TimeoutError."""
        socket.send_fds(self._wire, [json.dumps(order).encode()], descriptors)
        said = self._wire.recv(ORDER_BYTES_MAX)
        assert said, "the nursery is gone"
        answer = json.loads(said)
        if answer is None:
            raise TimeoutError
        return int(answer)

    def close(self) -> None:
        """End it and all its children."""
        self._wire.close()
        self._process.wait()


def main(wire: socket.socket) -> None:
    """Do what the wire says until it is cut."""
    for name in LATER:
        __import__(name)
    children: set[int] = set()
    while True:
        content, descriptors, _, _ = socket.recv_fds(wire, ORDER_BYTES_MAX, 2)
        if not content:
            break
        order = json.loads(content)
        if "wait" in order:
            answer = await_end(order["wait"], order["seconds"])
            children.discard(order["wait"] if answer is not None else 0)
        else:
            answer = os.fork()
            if answer == 0:
                become_server(wire, order, *descriptors)
            children.add(answer)
            for each in descriptors:
                os.close(each)
        wire.send(json.dumps(answer).encode())
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def await_end(pid: int, seconds: float | None) -> int | None:
    """How a child ended, None where the time is over first."""
    watched = os.pidfd_open(pid)
    try:
        if not select.select([watched], [], [], seconds)[0]:
            return None
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def become_server(wire: socket.socket, order: dict[str, Any], ready: int, log: int) -> NoReturn:
    """Be a server from here on."""
    wire.close()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if order["death"]:
        dying_server.arm(*order["death"])
    if order["busy"]:
        busy_server.arm(order["busy"])
    sys.exit(main_command.run(["serve", "--ready-fd", str(ready), *order["arguments"]]))


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
