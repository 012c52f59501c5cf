"""The older list of runs: the documents that its clients know, page by page, and how many there are."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Row

from conselho import ids
from conselho.agents import definitions
from conselho.db.session import Database
from conselho.executions import answers
from conselho.legacy import runs, tasks
from conselho.legacy.shapes import OlderTaskDocument, OlderTasks
from conselho.legacy.tasks import Wish
from conselho.settings import Settings
from tests.agents.making import make_agent
from tests.executions.making import cancel, claim, finish, make_ended, make_outcome, make_queued, start
from tests.legacy.asking import NAME, OLDER, ask, check_shape, get, problem, promote
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

FIELDS = {
    "_id", "agent_id", "provider", "prompt", "cwd", "timeout", "status", "instance_id", "context", "created_at",
    "updated_at", "started_at", "completed_at", "result", "exit_code", "duration", "is_councilor_execution",
    "councilor_config", "severity",
}  # fmt: skip
STATES = ("queued", "claimed", "running", "succeeded", "failed", "timed_out", "cancelled")
OF_WORD = {
    "pending": {"queued", "claimed"},
    "processing": {"running"},
    "completed": {"succeeded"},
    "error": {"failed", "timed_out", "cancelled"},
}


def make_in(database: Database, state: str, **changes: Any) -> str:
    """A run in that state; nothing else waits meanwhile."""
    if state in {"succeeded", "failed", "timed_out"}:
        return make_ended(database, make_outcome(status=state), **changes)
    made = make_queued(database, **changes)
    if state == "cancelled":
        cancel(database, made)
    elif state != "queued":
        assert claim(database) == [made]
        assert state == "claimed" or start(database, made)
    return made


def make_in_each(database: Database, **changes: Any) -> dict[str, str]:
    """A run in each state, made in this order: what waits is made last, or it would be claimed."""
    order = [state for state in STATES if state != "queued"]
    return {state: make_in(database, state, **changes) for state in (*order, "queued")}


async def listed(desk: Desk, **query: Any) -> tuple[list[str], int]:
    """The ids, newest first, and the total."""
    told = await get(desk, "tasks", **query)
    assert (told["success"], told["count"]) == (True, len(told["tasks"]))
    return [each["_id"] for each in told["tasks"]], told["total"]


@on_a_loop
async def test_a_councilors_run_is_the_document_that_they_know(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        made = (await ask(desk, "POST", f"{NAME}/execute-now")).json()["execution_id"]
        waiting = await get(desk, f"tasks/{made}")
        assert set(waiting) == FIELDS
        assert (waiting["status"], waiting["started_at"], waiting["duration"]) == ("pending", None, None)
        assert waiting["updated_at"] == waiting["created_at"]

        database = desk.runtime.database
        assert await asyncio.to_thread(claim, database) == [made]
        await asyncio.to_thread(start, database, made)
        outcome: dict[str, Any] = {
            "severity": "warning",
            "result": "um alerta",
            "exit_code": 0,
            "duration_seconds": 2.5,
        }
        await asyncio.to_thread(finish, database, made, **outcome)
        run = (await desk.http.get(f"/executions/{made}")).json()
        told = await get(desk, f"tasks/{made}")
        assert told == {name: run[name] for name in FIELDS & set(run)} | {
            "_id": made, "agent_id": NAME, "timeout": None, "status": "completed", "duration": 2.5,
            "updated_at": run["completed_at"], "is_councilor_execution": True,
            "councilor_config": {"title": "Conselheiro de Qualidade", "task_name": "Verificar arquivos"},
        }  # fmt: skip
        page = await get(desk, "tasks")
        assert page == {"success": True, "count": 1, "total": 1, "tasks": [told]}
        check_shape(OlderTasks, page)
        check_shape(OlderTaskDocument, told)


@on_a_loop
async def test_another_run_has_no_councilor_and_says_why_it_failed(settings: Settings) -> None:
    async with served(settings) as desk:
        database = desk.runtime.database
        outcome = make_outcome(status="failed", severity="error", error="no such program", exit_code=127)
        context = {"council": {"title": "nobody's", "task_name": "nothing"}}
        asked = {"timeout_seconds": 90.5, "instance_id": "tab-1", "context": context}
        made = await asyncio.to_thread(make_ended, database, outcome, **asked)
        plain = await asyncio.to_thread(make_queued, database)
        told = await get(desk, f"tasks/{made}")
        assert (told["agent_id"], told["is_councilor_execution"], told["councilor_config"]) == (None, False, None)
        assert (told["timeout"], told["instance_id"], told["context"]) == (91, "tab-1", context)
        assert (told["status"], told["result"], told["exit_code"]) == ("error", "no such program", 127)
        assert (await get(desk, f"tasks/{plain}"))["context"] == {}
        for absent in ("x", ids.new()):
            assert problem(await desk.http.get(f"{OLDER}/tasks/{absent}"))[0] == 404


@on_a_loop
async def test_each_filter_shows_and_counts_just_its_runs(settings: Settings) -> None:
    async with served(settings) as desk:
        database = desk.runtime.database
        agent = await asyncio.to_thread(make_agent, database, "reviewer")
        gone: dict[str, Any] = {"agent": "removed", "agent_id": ids.new()}
        other = {state: await asyncio.to_thread(make_in, database, state, **gone) for state in STATES[3:]}
        own = await asyncio.to_thread(make_in_each, database, agent="reviewer", agent_id=agent)
        ended = set(other.values())

        assert await listed(desk) == (sorted({*ended, *own.values()}, reverse=True), 11)
        for name in ("reviewer", agent):
            assert await listed(desk, agent_id=name) == (sorted(own.values(), reverse=True), 7)
        assert await listed(desk, agent_id="removed") == (sorted(ended, reverse=True), 4)
        assert await listed(desk, agent_id="removed", status="error") == (
            sorted(ended - {other["succeeded"]}, reverse=True), 3,
        )  # fmt: skip
        for word, states in OF_WORD.items():
            mine = {own[state] for state in states}
            assert await listed(desk, agent_id="reviewer", status=word) == (sorted(mine, reverse=True), len(mine))
            theirs = {"completed": {other["succeeded"]}, "error": ended - {other["succeeded"]}}.get(word, set())
            both = sorted(mine | theirs, reverse=True)
            assert await listed(desk, status=word) == (both, len(both))
            assert await listed(desk, status=word, limit=1, offset=1) == (both[1:2], len(both))


@pytest.mark.parametrize(
    "name", ["nobody", "", "ção", "x" * 300, "0190c1a2-0000-7000-8000-000000000009", "a b", "a\nb"]
)
@on_a_loop
async def test_of_an_agent_that_never_was_there_is_nothing(settings: Settings, name: str) -> None:
    async with served(settings) as desk:
        await desk.make()
        assert await listed(desk, agent_id=name) == ([], 0)


@on_a_loop
async def test_pages_follow_each_other_and_end_where_the_newer_doors_go_on(settings: Settings) -> None:
    async with served(settings) as desk:
        made = [await desk.make() for _ in range(5)][::-1]
        assert await listed(desk) == (made, 5)
        assert await listed(desk, limit=2, offset=0) == (made[:2], 5)
        assert await listed(desk, limit=2, offset=2) == (made[2:4], 5)
        assert await listed(desk, limit=2, offset=4) == (made[4:], 5)
        assert await listed(desk, limit=200, offset=10_000) == ([], 5)
        for wrong, sentence in (
            ({"offset": 10_001}, "/api/v1/executions"), ({"offset": 10**30}, "/api/v1/executions"),
            ({"offset": -1}, "offset"), ({"limit": 0}, "limit"), ({"limit": 201}, "limit"),
            ({"status": "lost"}, "status"),
        ):  # fmt: skip
            status, said = problem(await desk.http.get(f"{OLDER}/tasks", params=wrong))
            assert status == 422
            assert sentence in said


@on_a_loop
async def test_a_page_that_would_be_too_large_says_how_much_of_it_there_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PAGE_BYTES_MAX", 10_000)
    async with served(settings) as desk:
        made = [await desk.make(prompt="x" * 3_000) for _ in range(5)][::-1]
        assert await listed(desk) == (made[:2], 5)
        assert await listed(desk, offset=2) == (made[2:4], 5)
        large = await desk.make(prompt="x" * 20_000)
        assert await listed(desk, limit=3) == ([large], 6)


def test_more_than_one_read_of_rows_keeps_the_order(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ROWS_AT_ONCE", 2)
    made = [make_queued(database) for _ in range(5)][::-1]
    page = database.fetch(tasks._page, Wish(None, None, 10, 0)).result()
    places = [page.index(each.encode()) for each in made]
    assert places == sorted(places)


def test_of_a_removed_agent_no_more_are_counted_than_can_be_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "COUNTED_MAX", 3)
    holder = make_agent(database, "gone")
    for _ in range(4):
        make_queued(database, agent="gone", agent_id=holder)
    wish = Wish(None, "gone", 2, 0)
    assert b'"total":4' in database.fetch(tasks._page, wish).result()
    database.submit(definitions.remove, "gone").result()
    assert b'"total":3' in database.fetch(tasks._page, wish).result()


def test_every_status_has_one_older_word() -> None:
    found = [status for word in runs.WORDS for status in runs.statuses(word)]
    assert len(set(found)) == len(found)
    assert {runs.word(status) for status in found} == set(runs.WORDS)
    assert {word: {str(each) for each in runs.statuses(word)} for word in ("pending", "processing", "completed")} == {
        word: OF_WORD[word] for word in ("pending", "processing", "completed")
    }


@pytest.mark.parametrize("context", [None, {}, {"council": None}, {"council": "x"}, {"council": {"task_name": 1}}])
def test_a_context_that_says_nothing_of_a_council_is_borne(database: Database, context: Any) -> None:
    made = make_queued(database, councilor_id=ids.new(), title="Look around", context=context)
    row: Row[Any] = database.fetch(lambda tx: tx.execute(runs.TASKS).one()).result()
    told = runs.task(row)
    assert told["councilor_config"] == {"title": None, "task_name": "Look around"}
    assert (told["_id"], told["context"]) == (made, context or {})
    assert told["created_at"] <= datetime.now(UTC)
