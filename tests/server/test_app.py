"""Whether the server is there, whether it can do its work, and who it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conselho import errors
from conselho.server.holder import Holder
from conselho.settings import Settings
from tests.db.proxy import Proxy
from tests.looping import on_a_loop
from tests.server.desk import served

LIVE, READY = "http://conselho/livez", "http://conselho/readyz"


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    """The way to the database, which can be cut."""
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@on_a_loop
async def test_a_server_that_can_do_its_work_is_live_and_ready(settings: Settings) -> None:
    async with served(settings) as desk:
        for path in (LIVE, READY):
            answer = await desk.http.get(path)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@on_a_loop
async def test_a_server_without_its_database_is_live_but_not_ready_and_heals(tmp_path: Path, wire: Proxy) -> None:
    async with served(Settings(data_dir=tmp_path, database_url=wire.url)) as desk:
        assert (await desk.http.get(READY)).status_code == 200
        wire.refuse()
        answer = await desk.http.get(READY)
        assert (answer.status_code, answer.json()["code"]) == (503, errors.NotReady.code)
        assert answer.json()["detail"].startswith("not ready: database: ")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await desk.http.get(LIVE)).status_code == 200
        refused = await desk.http.post("/executions", json={"argv": ["true"], "cwd": "/"})
        assert (refused.status_code, refused.json()["status"]) == (503, 503)
        wire.restore()
        assert (await desk.http.get(READY)).status_code == 200
        assert await desk.count() == 0, "what was refused was not accepted"


@on_a_loop
async def test_asking_whether_it_is_ready_changes_nothing(settings: Settings) -> None:
    async with served(settings) as desk:
        before = (await desk.http.get("/executions")).json()["as_of"]
        for _ in range(3):
            await desk.http.get(READY)
        assert (await desk.http.get("/executions")).json()["as_of"] == before


@on_a_loop
async def test_it_says_who_serves_and_how_busy_it_is(settings: Settings) -> None:
    me = Holder(os.getpid(), "serve", str(settings.socket_path), "2026-03-02T09:00:00Z")
    async with served(settings, me=me, works=True) as desk:
        shown = (await desk.http.get("/server")).json()
        assert (shown["pid"], shown["kind"], shown["since"]) == (me.pid, "serve", me.since)
        assert (shown["seats"], shown["running"]) == (settings.seats, 0)
        assert shown["database"] == desk.runtime.database.kind
        assert shown["data_dir"] == str(settings.data_dir)


@on_a_loop
async def test_a_server_that_was_started_to_stay_is_not_stopped_over_http(settings: Settings) -> None:
    me = Holder(os.getpid(), "serve", None, "2026-03-02T09:00:00Z")
    async with served(settings, me=me) as desk:
        answer = await desk.http.post("/server/stop")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert (await desk.http.get(LIVE)).status_code == 200


@on_a_loop
async def test_the_schema_names_the_doors_that_programs_use(settings: Settings) -> None:
    async with served(settings) as desk:
        paths = (await desk.http.get("http://conselho/openapi.json")).json()["paths"]
        for door in ("", "/{execution_id}", "/{execution_id}/cancel", "/{execution_id}/retry", "/{execution_id}/log"):
            assert f"/api/v1/executions{door}" in paths
