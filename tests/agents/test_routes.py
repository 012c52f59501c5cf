"""Agents over HTTP, and executions that are asked for by an agent's name."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from conselho import ids
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

WHOLE: dict[str, Any] = {
    "slug": "tests", "title": "Tests", "emoji": "🧪", "description": "runs them all", "provider": "command",
    "argv": ["sh", "-c", "make test"], "prompt": "look at {prompt}", "model": "large", "cwd": "/", "env": {"CI": "1"},
    "env_allow": ["GITHUB_TOKEN"], "timeout_seconds": 60.5, "idle_timeout_seconds": 5.0,
    "accepted_exit_codes": [0, 3], "concurrency": 2, "exclusive": True,
}  # fmt: skip
PLAIN: dict[str, Any] = {"slug": "plain", "argv": ["true"]}


async def add(desk: Desk, **fields: Any) -> dict[str, Any]:
    answer = await desk.http.post("/agents", json=PLAIN | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ask(desk: Desk, key: str | None = None, **wish: Any) -> dict[str, Any]:
    answer = await desk.http.post("/executions", json=wish, headers={} if key is None else {"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@on_a_loop
async def test_an_agent_is_made_looked_at_changed_and_removed(settings: Settings) -> None:
    async with served(settings) as desk:
        made = await desk.http.post("/agents", json=WHOLE)
        assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/agents/{made.json()['id']}")
        assert made.json() | WHOLE == made.json()

        for name in ("tests", made.json()["id"]):
            assert (await desk.http.get(f"/agents/{name}")).json() == made.json()

        changed = await desk.http.patch("/agents/tests", json={"title": None, "concurrency": 1, "env": None})
        told = WHOLE | {"title": None, "concurrency": 1, "env": {}, "version": 2}
        assert changed.json() | told == changed.json()

        gone = await desk.http.delete(f"/agents/{made.json()['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert problem(await desk.http.get("/agents/tests"))[0] == 404
        assert problem(await desk.http.delete("/agents/tests"))[0] == 404
        assert problem(await desk.http.patch("/agents/tests", json={"title": "x"}))[0] == 404


@on_a_loop
async def test_pages_of_agents_follow_each_other(settings: Settings) -> None:
    async with served(settings) as desk:
        empty = (await desk.http.get("/agents")).json()
        assert (empty["items"], empty["next"]) == ([], None)
        for number in range(5):
            await add(desk, slug=f"a{number}")
        found: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await desk.http.get("/agents", params=query)).json()
            found += [agent["slug"] for agent in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert found == [f"a{number}" for number in range(5)]
        assert page["as_of"].endswith("-5")
        assert problem(await desk.http.get("/agents", params={"after": "x"})) == (
            422, "this cursor is none: begin again without it",
        )  # fmt: skip
        assert problem(await desk.http.get("/agents", params={"limit": 201}))[0] == 422


@on_a_loop
async def test_what_cannot_be_is_refused_and_named(settings: Settings) -> None:
    async with served(settings) as desk:
        for body, named in (
            ({"argv": ["true"]}, "slug"),
            (PLAIN | {"slug": "a/b"}, "slug"),
            (PLAIN | {"colour": "red"}, "colour"),
            (PLAIN | {"argv": "true"}, "argv"),
            (PLAIN | {"argv": [1]}, "argv"),
            (PLAIN | {"env": {"A": 1}}, "env"),
            (PLAIN | {"env_allow": ["CONSELHO_DATABASE_URL"]}, "env_allow"),
            (PLAIN | {"timeout_seconds": "60"}, "timeout_seconds"),
            (PLAIN | {"timeout_seconds": 0}, "timeout_seconds"),
            (PLAIN | {"concurrency": 1.5}, "concurrency"),
            (PLAIN | {"concurrency": 10**30}, "concurrency"),
            (PLAIN | {"exclusive": "yes"}, "exclusive"),
            (PLAIN | {"provider": "oracle"}, "provider"),
            (PLAIN | {"title": "a\0b"}, ""),
            ({"slug": "plain"}, "argv"),
            ([], ""),
        ):
            status, sentence = problem(await desk.http.post("/agents", json=body))
            assert status == 422, body
            assert named in sentence
        await add(desk)
        for change, named in (({"slug": "other"}, "slug"), ({"argv": None}, "argv"), ({"version": 0}, "version")):
            status, sentence = problem(await desk.http.patch("/agents/plain", json=change))
            assert status == 422, change
            assert named in sentence
        assert problem(await desk.http.patch("/agents/plain", json={"version": 7, "title": "x"}))[0] == 409
        assert problem(await desk.http.post("/agents", json=PLAIN))[0] == 409
        assert len((await desk.http.get("/agents")).json()["items"]) == 1


@on_a_loop
async def test_many_posts_of_one_key_make_one_agent(settings: Settings) -> None:
    async with served(settings) as desk:
        headers = {"Idempotency-Key": "k"}
        answers = await asyncio.gather(*(desk.http.post("/agents", json=WHOLE, headers=headers) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        assert problem(await desk.http.post("/agents", json=PLAIN, headers=headers))[0] == 422


@on_a_loop
async def test_an_execution_keeps_a_copy_of_all_it_runs_with(settings: Settings) -> None:
    async with served(settings) as desk:
        agent = await add(desk, **WHOLE)
        execution = await ask(desk, agent="tests", prompt="main.py", context={"card": 7})
        told = {
            name: WHOLE[name] for name in WHOLE if name not in {"slug", "emoji", "description", "env", "concurrency"}
        }
        told |= {"agent_id": agent["id"], "agent": "tests", "prompt": "look at main.py", "title": "Tests: main.py"}
        assert execution | told | {"context": {"card": 7}, "origin": "api"} == execution

        await desk.http.patch("/agents/tests", json={"argv": ["false"], "cwd": "/tmp", "timeout_seconds": None})
        await desk.http.delete("/agents/tests")
        later = (await desk.http.get(f"/executions/{execution['id']}")).json()
        assert later | told == later


@on_a_loop
async def test_what_the_request_says_wins(settings: Settings, tmp_path: Path) -> None:
    wish: dict[str, Any] = {
        "argv": ["false"], "cwd": str(tmp_path), "timeout_seconds": 2.5, "idle_timeout_seconds": 1.5,
        "accepted_exit_codes": [9], "exclusive": False, "title": "mine",
    }  # fmt: skip
    async with served(settings) as desk:
        await add(desk, **WHOLE)
        execution = await ask(desk, agent="tests", **wish)
        assert execution | wish == execution
        by_id = await ask(desk, agent=execution["agent_id"], title=None, timeout_seconds=None)
        assert (by_id["agent"], by_id["title"], by_id["timeout_seconds"]) == ("tests", "Tests", 60.5)


@on_a_loop
async def test_an_unknown_agent_is_named_and_nothing_is_written(settings: Settings) -> None:
    async with served(settings) as desk:
        for name in ("nobody", ids.new(), "", "a b", "é", "x" * 100):
            status, sentence = problem(await desk.http.post("/executions", json={"agent": name}))
            assert status == 422
            assert sentence.startswith(f"agent: there is no agent {name!r}")
        assert await desk.count() == 0


@on_a_loop
async def test_a_key_answers_alike_though_the_agent_has_changed_or_is_gone(settings: Settings) -> None:
    async with served(settings) as desk:
        await add(desk)
        first = await ask(desk, "k", agent="plain")
        await desk.http.patch("/agents/plain", json={"argv": ["false"]})
        assert (await ask(desk, "k", agent="plain"))["id"] == first["id"]
        await desk.http.delete("/agents/plain")
        assert (await ask(desk, "k", agent="plain"))["id"] == first["id"]
        other = await desk.http.post(
            "/executions", json={"agent": "plain", "prompt": "x"}, headers={"Idempotency-Key": "k"}
        )
        assert problem(other)[0] == 422
        assert await desk.count() == 1


@on_a_loop
async def test_a_run_sees_the_agents_variables_and_those_it_is_allowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED", "from the worker")
    monkeypatch.setenv("NOT_NAMED", "a secret")
    monkeypatch.setenv("BOTH", "from the worker")
    async with served(settings, works=True) as desk:
        await add(
            desk, argv=["sh", "-c", 'echo "$ALLOWED|$NOT_NAMED|$BOTH|$CI|$UNSET"'], cwd="/",
            env={"BOTH": "defined", "CI": "1"}, env_allow=["ALLOWED", "BOTH", "UNSET"],
        )  # fmt: skip
        for env, expected in (
            ({}, "from the worker||defined|1|"),
            ({"CI": "2"}, "from the worker||defined|2|"),
        ):
            execution = await ended(desk, (await ask(desk, agent="plain", env=env))["id"])
            assert (execution["status"], execution["result"]) == ("succeeded", expected)


@on_a_loop
async def test_a_retry_runs_the_copy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED", "here")
    async with served(settings, works=True) as desk:
        await add(desk, argv=["sh", "-c", 'echo "$ALLOWED $CI"; cat; exit 3'], cwd="/", env={"CI": "1"},
                  env_allow=["ALLOWED"], prompt="Do {prompt}!", accepted_exit_codes=[3])  # fmt: skip
        first = await ended(desk, (await ask(desk, agent="plain", prompt="it"))["id"])
        await desk.http.patch("/agents/plain", json={"argv": ["false"], "env": None, "env_allow": None})
        await desk.http.delete("/agents/plain")

        again = await desk.http.post(f"/executions/{first['id']}/retry", json={})
        second = await ended(desk, again.json()["id"])

        assert (first["status"], first["result"]) == ("succeeded", "here 1\nDo it!")
        assert (second["status"], second["result"], second["agent"]) == ("succeeded", "here 1\nDo it!", "plain")


async def ended(desk: Desk, execution_id: str) -> dict[str, Any]:
    """The execution once its log has ended."""
    async with desk.http.stream("GET", f"/executions/{execution_id}/log/stream") as response:
        async for _ in response.aiter_lines():
            pass
    found: dict[str, Any] = (await desk.http.get(f"/executions/{execution_id}")).json()
    return found
