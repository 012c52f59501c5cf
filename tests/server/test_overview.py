"""The dashboard's numbers."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from conselho.db.session import Tx
from conselho.executions.models import Counter
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import served


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Settings(data_dir=data_dir, database_url=database_url, poll_seconds=0.2)


@on_a_loop
async def test_everything_is_told_in_one_answer(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        nothing = (await desk.http.get("/stats/overview")).json()
        assert nothing["open"] == {"queued": 0, "claimed": 0, "running": 0}
        assert (nothing["stats"]["success_rate"], nothing["days"], nothing["latest"]) == (None, [], [])

        await desk.http.post("/agents", json={"slug": "reviewer", "argv": ["true"], "cwd": "/"})
        promoted = await desk.http.post(
            "/agents/reviewer/promote",
            json={
                "title": "Quality",
                "task": {"name": "Look", "prompt": "look"},
                "schedule": {"type": "interval", "value": "1h"},
            },
        )
        fired = (await desk.http.post("/councilors/reviewer/fire")).json()
        await desk.http.get(f"/executions/{fired['id']}", params={"wait": 30})

        found = (await desk.http.get("/stats/overview")).json()
        assert (found["stats"]["total"], found["stats"]["success_rate"], found["agents"]) == (1, 1.0, 1)
        assert found["councilors"] == {"total": 1, "paused": 0}
        assert [each["next_at"] for each in found["next"]] == [promoted.json()["next_at"]]
        assert [(each["id"], each["severity"]) for each in found["latest"]] == [(fired["id"], "success")]
        assert [day["total"] for day in found["days"]] == [1]

        agent = (await desk.http.get("/stats/agents/reviewer")).json()
        assert (agent["stats"]["total"], agent["last"]["execution_id"]) == (1, fired["id"])
        assert (await desk.http.get("/stats/agents/nobody")).status_code == 404


@on_a_loop
async def test_a_report_tells_the_latest_runs_and_the_totals(settings: Settings) -> None:
    line = 'VERDICT: {"severity": "warning", "summary": "one", "findings": [{"key": "k", "title": "too long"}]}'
    async with served(settings, works=True) as desk:
        await desk.http.post("/agents", json={"slug": "reviewer", "argv": ["echo", line], "cwd": "/"})
        wish = {
            "title": "Quality",
            "task": {"name": "Look", "prompt": "look"},
            "schedule": {"type": "interval", "value": "1h"},
        }
        await desk.http.post("/agents/reviewer/promote", json=wish)
        empty = (await desk.http.get("/councilors/reviewer/report")).json()
        assert (empty["executions"], empty["success_rate"], empty["findings"]["execution_id"]) == ([], None, None)
        runs: list[dict[str, Any]] = []
        report: dict[str, Any] = {}
        for _ in range(2):
            fired = (await desk.http.post("/councilors/reviewer/fire")).json()
            runs.append((await desk.http.get(f"/executions/{fired['id']}", params={"wait": 30})).json())
            report = (await desk.http.get("/councilors/reviewer/report", params={"limit": 1})).json()
        assert [each["id"] for each in report["executions"]] == [runs[1]["id"]]
        assert (report["total"], report["success_rate"], report["stats"]["warning"]) == (2, 0.0, 2)
        assert report["next_at"] == report["councilor"]["next_at"]
        found = report["findings"]
        assert [found[kind]["total"] for kind in ("new", "remaining", "gone")] == [0, 1, 0]
        (finding,) = found["remaining"]["items"]
        assert (finding["count"], finding["state"]) == (2, "open")

        known = await desk.http.post(f"/councilors/reviewer/findings/{finding['id']}/acknowledge", json={"by": "ana"})
        assert (known.json()["state"], known.json()["acknowledged_by"]) == ("acknowledged", "ana")
        listed = (await desk.http.get("/councilors/reviewer/findings", params={"state": "acknowledged"})).json()
        assert [each["id"] for each in listed["items"]] == [finding["id"]]
        assert (await desk.http.post("/councilors/reviewer/findings/nothing/acknowledge")).status_code == 404
        assert (await desk.http.get("/councilors/reviewer/findings", params={"after": "x"})).status_code == 422


@on_a_loop
async def test_a_recount_finds_what_differs_and_sets_it_right(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        run = await desk.make("true")
        await desk.http.get(f"/executions/{run}", params={"wait": 30})
        fine = (await desk.http.post("/stats/recount")).json()
        assert fine == {"differences": [], "total": 0, "repaired": False}

        await desk.runtime.database.write(_miscount)
        wrong = (await desk.http.post("/stats/recount", json={"repair": True})).json()
        assert [(each["scope"], each["name"], each["kept"], each["counted"]) for each in wrong["differences"]] == [
            ("all", "total", 5.0, 1.0)
        ]
        assert (await desk.http.post("/stats/recount")).json()["total"] == 0


def _miscount(tx: Tx) -> None:
    tx.execute(update(Counter).where(Counter.scope == "all", Counter.name == "total").values(value=5.0))
