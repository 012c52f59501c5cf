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

COUNCIL = "[...document.querySelectorAll('#council tr')].map(row => [...row.cells].map(cell => cell.textContent))"


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


@pytest.mark.timeout(240)
@on_a_loop
async def test_a_browser_shows_the_council_as_it_changes_and_takes_nothing_for_html(
    settings: Settings, chromium: str, tmp_path: Path
) -> None:
    hostile = "<img src=x onerror=document.title='taken'>"
    promotion = {
        "title": hostile, "task": {"name": "Look", "prompt": "Look around."},
        "schedule": {"type": "interval", "value": "3d"},
    }  # fmt: skip
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        served(settings, works=True) as desk,
        devtools.browser(chromium, tmp_path / "profile") as page,
    ):
        await desk.http.post("/agents", json={"slug": "looker", "argv": ["false"], "cwd": "/"})
        await page.open(desk.url + "/")
        await page.until("document.getElementById('state')?.textContent == 'live'")
        assert await page.value("document.getElementById('no-council').hidden") is False
        await desk.http.post("/agents/looker/promote", json=promotion)
        await page.until("document.querySelectorAll('#council tr').length == 1")
        assert await page.value(COUNCIL) == [[hostile, "looker", "every 3 days", "in 3 d", "not yet", ""]]
        assert await page.value("document.getElementById('no-council').hidden") is True
        await desk.http.post("/councilors/looker/fire")
        await page.until("document.querySelector('#council tr').cells[4].textContent == '✗ error'")
        await desk.http.post("/councilors/looker/pause")
        await page.until("document.querySelector('#council tr').cells[3].textContent == 'paused'")
        assert (await page.value(COUNCIL))[0][5] == "0%"
        assert await page.value("document.images.length") == 0
        assert await page.value("document.title") == "Conselho"
