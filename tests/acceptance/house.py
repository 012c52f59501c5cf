"""A data directory with its database, in which real servers come and go.

Everything is done as a user would: servers are child processes, spoken to over their socket, and killed by their id.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from conselho import settings
from conselho.db import engine
from tests.acceptance import agents, traces
from tests.acceptance.nursery import Child, Nursery
from tests.acceptance.waiting import PATIENCE_SECONDS, until

API = "http://conselho/api/v1"
END_OF_LOG = 2_000_000_000  # a line number behind every log: a stream from there brings the end alone

# Quick enough for a test, slow enough for a machine on which many run at once.
SETTINGS = {
    "port": "0",
    "lease_seconds": "8",
    "renew_seconds": "0.3",
    "outage_seconds": "2",
    "poll_seconds": "0.2",
    "term_grace_seconds": "0.5",
    "kill_seconds": "10",
}


class ServerDied(Exception):
    """The server ended before it listened."""


class Server:
    """One process of `conselho serve`, from its start to its end."""

    def __init__(self, process: Child, socket_path: Path, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.log_file = log
        self.socket_path = socket_path
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket_path)), base_url=API, timeout=PATIENCE_SECONDS, trust_env=False
        )

    def submit(self, script: str, *, key: str | None = None, **wish: Any) -> str:
        """Have a shell script run; returns the id of its execution."""
        answer = self.post(script, key=key, **wish)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def post(self, script: str, *, key: str | None = None, **wish: Any) -> httpx.Response:
        """Ask for a run, whatever the answer. Raises: httpx.TransportError where none comes."""
        body = {"argv": agents.shell(script), "cwd": "/tmp"} | wish
        return self.http.post("/executions", json=body, headers={} if key is None else {"Idempotency-Key": key})

    def cancel(self, execution_id: str) -> httpx.Response:
        return self.http.post(f"/executions/{execution_id}/cancel")

    def show(self, execution_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/executions/{execution_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def status_of(self, path: str) -> int:
        """What a GET of a path outside the API is answered."""
        return self.http.get(f"http://conselho{path}").status_code

    def all(self) -> list[dict[str, Any]]:
        """Every execution there is, newest first."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 200}
        while True:
            page = self.http.get("/executions", params=query).json()
            found += page["items"]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    def await_state(self, execution_id: str, *states: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            shown = self.show(execution_id)
            return shown if shown["status"] in states else None

        return until(look, f"{execution_id} to be {' or '.join(states)}") or {}

    def end_of(self, execution_id: str) -> dict[str, Any]:
        """The execution once it has ended."""
        *_, (event, data) = self._messages(execution_id, END_OF_LOG)
        assert event == "end"
        found: dict[str, Any] = json.loads(data)
        return found

    def await_line(self, execution_id: str, text: str) -> None:
        """Return once a line of the log is just that."""
        for event, data in self._messages(execution_id, 0):
            assert event != "end", f"it ended without saying {text!r}: {data}"
            if json.loads(data)["text"] == text:
                return

    def log(self, execution_id: str) -> list[dict[str, Any]]:
        """The whole log, of which every line is numbered as it must be."""
        lines: list[dict[str, Any]] = []
        while True:
            query = {"after": len(lines), "limit": 1000}
            page = self.http.get(f"/executions/{execution_id}/log", params=query).json()
            lines += page["items"]
            if not page["items"]:
                assert [line["seq"] for line in lines] == list(range(1, page["total"] + 1))
                return lines

    def said(self, execution_id: str) -> list[str]:
        """What the run itself printed on stdout, line by line."""
        return [line["text"] for line in self.log(execution_id) if line["kind"] == "stdout"]

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self.process.kill()
        self.await_death()

    def stop(self) -> None:
        """End it in good order."""
        self.process.terminate()
        self.await_death(expected=0)

    def await_death(self, expected: int = -9) -> None:
        """Return once it is gone, which it must be in the expected way."""
        code = self.process.wait(PATIENCE_SECONDS)
        self.http.close()
        assert code == expected, f"exit {code}: {self.log_file.read_text()}"

    def close(self) -> None:
        """Let nothing of it remain, whatever state it is in."""
        self.process.kill()
        self.process.wait()
        self.http.close()

    def _messages(self, execution_id: str, after: int) -> Iterator[tuple[str, str]]:
        with self.http.stream("GET", f"/executions/{execution_id}/log/stream", params={"after": after}) as response:
            event = "message"
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield event, value


class House:
    """Where the servers of one test live. `scratch` is its runs' `$TMPDIR`; its path marks all its processes."""

    def __init__(self, data_dir: Path, database_url: str | None, nursery: Nursery) -> None:
        self.data_dir = data_dir
        self.database_url = database_url
        self.scratch = Path(tempfile.mkdtemp(prefix="conselho-acceptance-", dir="/tmp"))
        self.settings = dict(SETTINGS)
        self._nursery = nursery
        self.servers: list[Server] = []
        self._gates: list[agents.Gate] = []
        data_dir.mkdir(parents=True, exist_ok=True)

    @property
    def arguments(self) -> list[str]:
        """What every command is told."""
        address = [] if self.database_url is None else ["--database-url", self.database_url]
        return ["--data-dir", str(self.data_dir), *address]

    @property
    def url(self) -> str:
        """The address of its database."""
        return self.database_url or engine.sqlite_url(self.data_dir / "conselho.db")

    @property
    def socket_path(self) -> Path:
        """Where its server listens."""
        return settings.load({"data_dir": self.data_dir}, environ={}).socket_path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        own = {settings.PREFIX + name.upper(): value for name, value in self.settings.items()}
        known = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
        return known | own | {"TMPDIR": str(self.scratch), "CONSELHO_TEST_HOUSE": str(self.scratch)}

    def adopt_scratch(self, other: "House") -> None:
        """Use another house's scratch directory, so that the runs of both leave their traces in one place."""
        shutil.rmtree(self.scratch)
        self.scratch = other.scratch

    def submit_unanswered(self, server: Server, script: str) -> str:
        """Have a script run by a server that may end or freeze before it answers; returns the execution's id."""
        body = {"argv": agents.shell(script), "cwd": "/tmp"}
        sending = socket.socket(socket.AF_UNIX)
        with sending:
            sending.connect(str(server.socket_path))
            content = json.dumps(body).encode()
            head = f"POST /api/v1/executions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
            sending.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + content)
            runs = self.data_dir / "runs"
            (directory,) = until(lambda: list(runs.iterdir()) if runs.exists() else [], "the run to be prepared")
        return directory.name.partition(".")[0]

    def serve(self, *extra: str) -> Server:
        """Start a server and wait until it listens. Raises: ServerDied."""
        return self._start(extra, None)

    def serve_to_die(self, point: str, how: str = "kill") -> Server:
        """A server that ends, or freezes, at a point of `dying_server.py`, after it listens. Raises: ServerDied."""
        return self._start((), (point, how))

    def serve_busy(self, executions: int) -> Server:
        """A server that makes so many executions as soon as its events are watched, and runs none."""
        return self._start(("--no-worker",), None, executions)

    def gate(self) -> agents.Gate:
        """A place where runs wait for the test."""
        self._gates.append(agents.Gate(self.scratch / f"gate-{len(self._gates)}"))
        return self._gates[-1]

    def await_file(self, name: str) -> None:
        """Return once a run has made that file in its `$TMPDIR`."""
        until((self.scratch / name).exists, f"{name} to be there")

    def starts(self, execution_id: str) -> int:
        """How often that run began, by its own account."""
        return agents.starts(self.scratch)[execution_id]

    def processes(self, execution_id: str) -> dict[int, str]:
        """What is alive of a run: agents by the marker, the shim by its directory."""
        return traces.found(f"CONSELHO_EXECUTION={execution_id}") | traces.found(f"/runs/{execution_id}.")

    def run_directory(self, execution_id: str) -> Path:
        """The one directory of a run that has not been reported yet."""
        (found,) = (self.data_dir / "runs").glob(f"{execution_id}.*")
        return found

    def spawned(self, execution_id: str) -> dict[str, Any]:
        """What the shim says of the agent it started, once it has."""

        def read() -> dict[str, Any] | None:
            with contextlib.suppress(OSError, ValueError):
                found: dict[str, Any] = json.loads((self.run_directory(execution_id) / "spawned").read_bytes())
                return found
            return None

        return until(read, f"{execution_id} to be spawned") or {}

    def close(self) -> None:
        """End every process of this house, and take its scratch directory away."""
        for server in self.servers:
            server.close()
        traces.end(str(self.scratch))
        traces.end(str(self.data_dir))
        for gate in self._gates:
            gate.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _start(self, extra: tuple[str, ...], death: tuple[str, str] | None, busy: int = 0) -> Server:
        reading, writing = os.pipe()
        log = self.data_dir / f"server-{len(self.servers)}.log"
        with log.open("wb") as written, os.fdopen(reading, "rb") as ready:
            try:
                arguments = [*self.arguments, *extra]
                process = self._nursery.bear(arguments, self.environment, writing, written.fileno(), death, busy)
            finally:
                os.close(writing)
            server = Server(process, self.socket_path, log)
            self.servers.append(server)
            assert select.select([ready], [], [], PATIENCE_SECONDS)[0], "the server does not come up"
            said = ready.readline()
        if b"ready" not in said:
            raise ServerDied(said.decode() + log.read_text())
        return server


MakeHouse = Callable[..., House]
