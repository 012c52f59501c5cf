"""A page on another port, in a real browser, cannot start, retry or cancel a run, nor read what there is.

The page first tries all its ways on a server that takes everything, so that what is refused here was really sent.
"""

import asyncio
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from conselho.events import log as events
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

PAGE = Path(__file__).with_name("foreign_page.html").read_bytes()
PATIENCE_SECONDS = 90.0  # a browser takes its time to start
STRANGER = "evil.example"
# At home for root too, and asking nothing of anybody else's servers.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions",
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip


class Foreign(ThreadingHTTPServer):
    """Serves the page, hears how its tries went, and takes whatever else is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: queue.Queue[dict[str, dict[str, str]]] = queue.Queue()
        self.taken: list[tuple[str, str]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Foreign

    def do_GET(self) -> None:
        self._answer(PAGE)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/told":
            self.server.told.put(json.loads(body))
        else:
            self.server.taken.append((self.path, body.decode()))
        self._answer(b"")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    with Foreign() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, sqlite_database_url: str) -> Settings:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    return Settings(data_dir=data_dir, database_url=sqlite_database_url)


@contextmanager
def browsing(chromium: str, profile: Path, url: str) -> Iterator[None]:
    """A browser that shows a page, until the end of the body."""
    with subprocess.Popen(
        [chromium, *FLAGS, f"--user-data-dir={profile}", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as browser:
        try:
            yield
        finally:
            browser.kill()


async def tried(
    desk: Desk, foreign: Foreign, chromium: str, tmp_path: Path, host: str, execution_id: str
) -> dict[str, dict[str, str]]:
    """How it went for a page at `host`, by target and way."""
    port = desk.url.rpartition(":")[2]
    targets = [
        f"http://127.0.0.1:{foreign.port}",
        *(f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", STRANGER)),
    ]
    if host == "127.0.0.1":
        targets[0] = f"http://localhost:{foreign.port}"  # foreign to it as well
    query = urlencode({"target": targets, "execution": execution_id}, doseq=True)
    with browsing(chromium, tmp_path / "profile", f"http://{host}:{foreign.port}/?{query}"):
        return await asyncio.to_thread(foreign.told.get, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("host", ["127.0.0.1", STRANGER])
@on_a_loop
async def test_a_foreign_page_starts_changes_and_reads_nothing(
    settings: Settings, foreign: Foreign, chromium: str, tmp_path: Path, host: str
) -> None:
    async with served(settings) as desk:
        queued, ended = await desk.make(), await desk.make()
        await desk.http.post(f"/executions/{ended}/cancel")
        before = await desk.runtime.database.read(events.last_id)

        told = await tried(desk, foreign, chromium, tmp_path, host, ended)

        assert await desk.runtime.database.read(events.last_id) == before, "nothing happened"
        assert await desk.count() == 2
        assert (await desk.http.get(f"/executions/{queued}")).json()["status"] == "queued"

    sink, *ours = told.values()
    assert len(ours) == 3
    for ways in ours:
        hidden = {way for way, how in ways.items() if how == "TypeError"}
        # Also what a page may send without being told anything: nobody else's page is shown our answers.
        assert {"no-cors", "no-cors with a type", "cors", "cors as text", "removal", "retry", "reading"} <= hidden
        assert ways["old request"] == "refused"
    assert sink["no-cors"] == "opaque 0"
    started = [body for path, body in foreign.taken if path == "/api/v1/executions" and "foreign page" in body]
    assert len(started) >= 6, "the page's ways lead to a server that takes everything"
    assert [path for path, _ in foreign.taken].count(f"/api/v1/executions/{ended}/retry") == 1
