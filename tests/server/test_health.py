import shutil
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import text

from conselho.db.session import Tx
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import PATIENCE_SECONDS, Desk, served


class Usage(NamedTuple):
    total: int
    used: int
    free: int


async def said(desk: Desk, status: int) -> str:
    """What /readyz says, with that status."""
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False, timeout=PATIENCE_SECONDS) as http:
        answer = await http.get("/readyz")
        lives = await http.get("/livez")
    assert answer.status_code == status, answer.text
    if status == 200:
        return str(answer.json()["status"])
    assert (answer.headers["Content-Type"], answer.json()["code"]) == ("application/problem+json", "not_ready")
    assert int(answer.headers["Retry-After"]) > 0
    assert lives.json() == {"status": "ok"}, "it lives all the same"
    return str(answer.json()["detail"])


def leave_it_to_another_program(tx: Tx) -> None:
    tx.execute(text("UPDATE alembic_version SET version_num = '0001'")).close()


@on_a_loop
async def test_a_server_that_can_work_is_ready(settings: Settings) -> None:
    async with served(settings) as desk:
        assert await said(desk, 200) == "ok"


@on_a_loop
async def test_a_full_disk_is_named_with_what_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(settings) as desk:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 12_000_000))
        assert await said(desk, 503) == "not ready: disk: 12 MB are free, 100 MB are needed: free some"


@on_a_loop
async def test_a_data_directory_that_is_gone_is_named(settings: Settings, tmp_path: Path) -> None:
    async with served(settings) as desk:
        settings.data_dir.rename(tmp_path / "elsewhere")
        assert "disk: No such file or directory" in await said(desk, 503)
        (tmp_path / "elsewhere").rename(settings.data_dir)


@on_a_loop
async def test_a_schema_that_was_changed_meanwhile_is_named(settings: Settings) -> None:
    async with served(settings) as desk:
        await desk.runtime.database.write(leave_it_to_another_program)
        assert "schema: the database is at revision 0001, this program needs" in await said(desk, 503)


@on_a_loop
async def test_a_server_that_stops_is_not_ready(settings: Settings) -> None:
    async with served(settings) as desk:
        desk.runtime.signals.close()
        assert await said(desk, 503) == "not ready: the server is stopping"
