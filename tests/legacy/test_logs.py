"""The older doors to a card's logs: the same lines while it runs, after the end, and after any restart."""

from pathlib import Path

import pytest
from sqlalchemy import update

from conselho import clock
from conselho.db.session import Tx
from conselho.executions.models import Execution
from conselho.legacy import logs
from conselho.providers.base import KINDS
from conselho.settings import Settings
from tests.legacy.asking import OLDER, get
from tests.legacy.kanban import add, begin, contents, execute, gated, log_that, prepare, told_log
from tests.looping import on_a_loop
from tests.server.desk import served


@on_a_loop
async def test_the_log_is_the_same_while_it_runs_after_a_restart_and_after_the_end(
    settings: Settings, shop: Path, tmp_path: Path
) -> None:
    script, gate = gated(tmp_path)
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, script)
        card = await add(desk)
        accepted = await begin(desk, "implement", card)
        running = await log_that(desk, card, "running", 1)
        assert (contents(running), running["completedAt"], running["duration"]) == (["begun"], None, None)

    async with served(settings, works=True) as desk:
        assert await told_log(desk, card) == running
        (listed,) = await get(desk, "cards")
        assert listed["activeExecution"] == {
            "id": accepted["executionId"],
            "status": "running",
            "command": "/implement",
            "startedAt": running["startedAt"],
            "completedAt": None,
        }
        gate.touch()
        ended = await log_that(desk, card, "success", 2)
        assert (contents(ended), ended["startedAt"]) == (["begun", "ended"], running["startedAt"])
        assert ended["logs"][0] == running["logs"][0]
        assert (ended["result"], ended["duration"] > 0) == ("begun\nended", True)

    async with served(settings) as desk:
        assert await told_log(desk, card) == ended
        (listed,) = await get(desk, "cards")
        assert listed["activeExecution"]["status"] == "success"
        assert listed["activeExecution"]["completedAt"] == ended["completedAt"]


@on_a_loop
async def test_of_a_long_log_the_end_is_told_and_how_much_is_missing(
    settings: Settings, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "HISTORY_LOG_BYTES_MAX", 4096)
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, "seq 1 30000")
        card = await add(desk)
        told = await execute(desk, "plan", card)
        first, *rest = told["logs"]
        missing = 30000 - len(rest)
        assert 10_000 < len(rest) < 20_000
        assert [line["content"] for line in rest] == [str(number) for number in range(missing + 1, 30001)]
        assert (first["type"], first["content"].partition(" ")[0]) == ("system", f"{missing:,}")
        assert (await told_log(desk, card))["logs"] == told["logs"]
        raw = await desk.http.get(f"{OLDER}/logs/{card['id']}")
        assert len(raw.content) < logs.LOG_BYTES_MAX + 100_000
        (run,) = (await get(desk, f"logs/{card['id']}/history"))["history"]
        assert contents(run)[-1] == "30000"
        assert 10 < len(run["logs"]) < 100


@on_a_loop
async def test_a_log_that_was_removed_for_its_age_says_so(settings: Settings, shop: Path) -> None:
    def purge(tx: Tx) -> None:
        tx.execute(update(Execution).values(log_purged_at=clock.now()))

    async with served(settings, works=True) as desk:
        await prepare(desk, shop)
        card = await add(desk)
        await execute(desk, "plan", card)
        await desk.runtime.database.write(purge)
        (line,) = (await told_log(desk, card))["logs"]
        assert (line["type"], line["content"]) == ("system", "the lines of this log were removed for their age")


def test_every_kind_of_line_is_one_of_the_older_types() -> None:
    types = {kind: logs._line(clock.now(), logs._TYPES.get(kind, kind), "")["type"] for kind in (*KINDS, "new")}
    assert set(types.values()) == {"system", "command", "text", "tool", "info", "success", "warning", "error"}
    assert {kind for kind, told in types.items() if kind == told} == logs._SAME
    assert types["new"] == "info"
