"""Going on where a run ended: over HTTP, and by a retry."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Row, select

from conselho.db.session import Database, Tx
from conselho.executions import endings, queue
from conselho.executions.models import Execution
from conselho.executions.states import Status
from conselho.settings import Settings
from tests.executions.making import ANNA, LEASE, make_outcome
from tests.looping import on_a_loop
from tests.providers import talker
from tests.server.desk import Desk, served

WISH: dict[str, Any] = {
    "provider": "talker", "prompt": "first", "model": "large", "options": {"max_turns": 5}, "cwd": "/usr",
    "timeout_seconds": 60, "env": {"A": "1"}, "priority": 3,
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    talker.known(monkeypatch)
    (tmp_path / "data").mkdir(mode=0o700)
    return Settings(data_dir=tmp_path / "data", database_url=database_url, poll_seconds=0.2)


def whole(tx: Tx, execution_id: str) -> Row[Any]:
    return tx.execute(select(Execution.__table__).where(Execution.id == execution_id)).one()


async def asked(desk: Desk, **wish: Any) -> httpx.Response:
    return await desk.http.post("/executions", json=wish)


async def ended(desk: Desk, *, wish: dict[str, Any] = WISH, **outcome: Any) -> str:
    """A run that came to that."""
    answer = await asked(desk, **wish)
    assert answer.status_code == 202, answer.text
    execution_id = str(answer.json()["id"])
    await end(desk.runtime.database, execution_id, **outcome)
    return execution_id


async def end(database: Database, execution_id: str, **outcome: Any) -> None:
    (row,) = await database.write(queue.claim, ANNA, 1, LEASE)
    assert row.id == execution_id
    assert await database.write(queue.start, execution_id, row.fence, LEASE)
    assert await database.write(endings.finish, execution_id, row.fence, make_outcome(**outcome))


async def stored(desk: Desk, execution_id: str) -> Row[Any]:
    return await desk.runtime.database.read(whole, execution_id)


@on_a_loop
async def test_it_takes_provider_agent_model_options_and_directory_and_the_session(settings: Settings) -> None:
    async with served(settings) as desk:
        agent = {"slug": "talks", "provider": "talker", "concurrency": 1, "env_allow": ["KEY"], "cwd": "/usr"}
        await desk.http.post("/agents", json=agent)
        wish = {name: WISH[name] for name in ("prompt", "model", "options", "env")} | {"agent": "talks"}
        earlier = await ended(desk, wish=wish, session="s-1")
        answer = await asked(desk, continue_from=earlier, prompt="and then?")
        assert answer.status_code == 202, answer.text
        told = answer.json()
        row = await stored(desk, told["id"])
    assert (told["provider"], told["agent"], told["model"], told["options"]) == (
        "talker", "talks", "large", {"max_turns": 5},
    )  # fmt: skip
    assert (told["cwd"], told["prompt"], told["continue_from"]) == ("/usr", "and then?", earlier)
    assert (told["origin"], told["attempt"], told["retry_of"]) == ("api", 1, None)
    assert (row.resume, row.env, row.env_allow) == ("s-1", {"A": "1"}, ["KEY"])
    assert ["agent talks", 1] in row.lanes


@on_a_loop
async def test_what_it_says_itself_wins(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1")
        said = {"model": "small", "options": {"permission_mode": "edit"}, "cwd": "/", "timeout_seconds": 5.0}
        told = (await asked(desk, continue_from=earlier, prompt="x", **said)).json()
        row = await stored(desk, told["id"])
    assert (told["model"], told["cwd"], told["timeout_seconds"]) == ("small", "/", 5.0)
    assert told["options"] == {"max_turns": 5, "permission_mode": "edit"}
    assert row.lanes[0][0] == "directory /"


@pytest.mark.parametrize("reason", ["session_unknown", "context_too_long"])
@on_a_loop
async def test_a_session_that_cannot_go_on_is_not_taken_up(settings: Settings, reason: str) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1", status=Status.FAILED, severity="error", reason=reason)
        told = (await asked(desk, continue_from=earlier, prompt="x")).json()
        again = (await desk.http.post(f"/executions/{earlier}/retry")).json()
        rows = [await stored(desk, each["id"]) for each in (told, again)]
    assert [(row.continue_from, row.resume) for row in rows] == [(earlier, None)] * 2


@on_a_loop
async def test_another_provider_begins_anew_and_takes_nothing_of_a_cli(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1")
        told = (await asked(desk, continue_from=earlier, provider="command", argv=["cat"], prompt="x")).json()
        row = await stored(desk, told["id"])
    assert (told["provider"], told["model"], told["options"], row.resume) == ("command", None, None, None)
    assert row.continue_from == earlier


@on_a_loop
async def test_one_that_has_not_ended_nobody_knows_or_has_another_agent_is_refused(settings: Settings) -> None:
    async with served(settings) as desk:
        running = (await asked(desk, **WISH)).json()["id"]
        early = await asked(desk, continue_from=running, prompt="x")
        unknown = await asked(desk, continue_from="0190c1a2-0000-7000-8000-00000000000e", prompt="x")
        none = await asked(desk, continue_from="x\0", prompt="x")
        await end(desk.runtime.database, running, session="s")
        both = await asked(desk, continue_from=running, agent="talks", prompt="x")
        silent = await asked(desk, continue_from=running)
    assert (early.status_code, unknown.status_code, both.status_code, silent.status_code) == (409, 404, 422, 422)
    assert early.json()["detail"].endswith("cancel it, or wait for its end, then continue")
    assert none.status_code in {404, 422}
    assert silent.json()["detail"] == "talker needs a prompt"


@on_a_loop
async def test_a_retry_goes_on_in_the_session(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1", status=Status.FAILED, severity="error", reason="rate_limited")
        again = (await desk.http.post(f"/executions/{earlier}/retry")).json()
        first = await stored(desk, again["id"])
        # That one did not get so far as to have a session: the next is to take up the same.
        await end(desk.runtime.database, first.id, status=Status.FAILED, severity="error", reason="not_installed")
        third = await stored(desk, (await desk.http.post(f"/executions/{first.id}/retry")).json()["id"])
    assert (first.continue_from, first.resume, first.options) == (earlier, "s-1", {"max_turns": 5})
    assert (third.continue_from, third.resume, third.attempt) == (first.id, "s-1", 3)


@on_a_loop
async def test_two_runs_never_write_into_one_session_at_once(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1", status=Status.FAILED, severity="error")
        both = [
            (await asked(desk, continue_from=earlier, prompt="x", priority=9)).json()["id"],
            (await desk.http.post(f"/executions/{earlier}/retry")).json()["id"],
        ]
        claimed = [row.id for row in await desk.runtime.database.write(queue.claim, ANNA, 2, LEASE)]
        waiting = (await desk.http.get(f"/executions/{both[1]}")).json()["waiting_for"]
        lanes = (await stored(desk, both[1])).lanes
    assert (claimed, waiting) == (both[:1], "room in session s-1 of talker")
    assert lanes.count(["session s-1 of talker", 1]) == 1


@on_a_loop
async def test_a_retry_of_what_had_no_conversation_continues_none(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, status=Status.FAILED, severity="error", reason="not_installed")
        row = await stored(desk, (await desk.http.post(f"/executions/{earlier}/retry")).json()["id"])
    assert (row.continue_from, row.resume) == (None, None)


@on_a_loop
async def test_the_same_key_is_answered_the_same_whatever_became_of_the_earlier_run(settings: Settings) -> None:
    async with served(settings) as desk:
        earlier = await ended(desk, session="s-1")
        body = {"continue_from": earlier, "prompt": "x"}
        answers = [await desk.http.post("/executions", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
