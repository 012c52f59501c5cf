"""The page at `/`: what is sent with it, and what a real browser makes of it."""

import asyncio
import re
from pathlib import Path

import pytest

from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server import devtools
from tests.server.desk import served

PATIENCE_SECONDS = 120.0  # a browser takes its time to start
ROWS = """
  Object.fromEntries([...document.querySelectorAll('#runs tr')].map(row =>
    [row.dataset.id, [...row.cells].map(cell => cell.textContent).join('|')]))
"""


@on_a_loop
async def test_it_runs_no_script_but_its_own_and_loads_nothing_from_elsewhere(settings: Settings) -> None:
    async with served(settings) as desk:
        answer = await desk.http.get("http://conselho/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert all(each.startswith("'sha256-") for name in ("script-src", "style-src") for each in policy[name].split())
    assert not re.search(r"(src|href)=|innerHTML|https?:", answer.text)


@pytest.mark.timeout(240)
@on_a_loop
async def test_a_browser_shows_runs_and_events_as_they_happen_and_takes_nothing_for_html(
    settings: Settings, chromium: str, tmp_path: Path
) -> None:
    hostile = "<img src=x onerror=document.title='taken'>"
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        served(settings, works=True) as desk,
        devtools.browser(chromium, tmp_path / "profile") as page,
    ):
        good = await desk.make("true", title=hostile)
        await desk.http.get(f"/executions/{good}", params={"wait": 60})
        await page.open(desk.url + "/")
        await page.until("document.getElementById('state')?.textContent == 'live'")
        bad = await desk.make("false")
        await page.until("document.querySelectorAll('#runs tr')[0].cells[0].textContent == '✗ failed'")
        rows = await page.value(ROWS)
        assert rows[good].startswith(f"✓ succeeded|{hostile}|")
        assert rows[bad].startswith("✗ failed|false|")
        events = await page.value("[...document.querySelectorAll('#events li span')].map(each => each.textContent)")
        assert [each.partition(":")[0] for each in events[:4]] == [
            "execution finished", "execution started", "execution claimed", "execution queued",
        ]  # fmt: skip
        assert len(events) == 9, "those of before, too: each once"
        assert await page.value("document.images.length") == 0
        assert await page.value("document.title") == "Conselho"
