"""How an agent CLI is to work: said of an agent, said of a run, and refused where the CLI cannot."""

from typing import Any

import httpx
import pytest

from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.providers import talker
from tests.server.desk import Desk, served

TALKING: dict[str, Any] = {"slug": "talks", "provider": "talker", "model": "large", "cwd": "/"}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    talker.known(monkeypatch)


async def add(desk: Desk, **fields: Any) -> httpx.Response:
    return await desk.http.post("/agents", json=TALKING | fields)


async def ask(desk: Desk, **wish: Any) -> httpx.Response:
    return await desk.http.post("/executions", json=wish)


def problem(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["detail"])


@on_a_loop
async def test_an_agent_keeps_what_is_not_as_by_default(settings: Settings) -> None:
    given = {"permission_mode": "edit", "max_turns": 5, "allowed_tools": ["Bash(make *)"], "denied_tools": []}
    async with served(settings) as desk:
        made = (await add(desk, options=given)).json()
        shown = (await desk.http.get("/agents/talks")).json()
    kept = {"permission_mode": "edit", "max_turns": 5, "allowed_tools": ["Bash(make *)"]}
    assert made["options"] == shown["options"] == kept


@on_a_loop
async def test_a_change_goes_field_by_field_and_null_brings_back_the_default(settings: Settings) -> None:
    async with served(settings) as desk:
        await add(desk, options={"permission_mode": "edit", "max_turns": 5})
        for change, kept in (
            ({"max_turns": 9}, {"permission_mode": "edit", "max_turns": 9}),
            ({"permission_mode": None}, {"max_turns": 9}),
            (None, None),
        ):
            answer = await desk.http.patch("/agents/talks", json={"options": change})
            assert answer.json()["options"] == kept


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"options": {"max_cost_usd": 1}}, "talker knows no limit of costs: leave max_cost_usd out"),
        ({"argv": ["true"]}, "talker takes no argv: say it in the prompt"),
        ({"options": {"max_turns": 0}}, "options.max_turns must lie between 1 and 10000"),
        ({"options": {"allowed_tools": ["\n"]}}, "options.allowed_tools: each is text"),
        ({"options": {"turns": 3}}, "turns"),
        ({"options": {"permission_mode": "all"}}, "permission_mode"),
        ({"provider": "command", "argv": ["true"], "options": {"max_turns": 3}}, "a command has no options"),
    ],
)
@on_a_loop
async def test_what_its_cli_cannot_do_is_refused_when_it_is_made_when_it_is_changed_and_when_it_is_run(
    settings: Settings, fields: dict[str, Any], sentence: str
) -> None:
    async with served(settings) as desk:
        assert sentence in problem(await add(desk, **fields))
        await add(desk)
        assert sentence in problem(await desk.http.patch("/agents/talks", json=fields))
        assert sentence in problem(await ask(desk, **({"agent": "talks", "prompt": "x"} | fields)))
        assert (await desk.http.get("/agents/talks")).json()["version"] == 1


@on_a_loop
async def test_a_run_of_a_cli_needs_a_prompt_and_its_agent_may_have_it(settings: Settings) -> None:
    async with served(settings) as desk:
        await add(desk)
        assert problem(await ask(desk, agent="talks")) == "talker needs a prompt"
        await add(desk, slug="told", prompt="hello")
        assert (await ask(desk, agent="told")).json()["prompt"] == "hello"


@on_a_loop
async def test_what_a_run_says_wins_field_by_field_over_its_agent(settings: Settings) -> None:
    async with served(settings) as desk:
        await add(desk, options={"permission_mode": "edit", "max_turns": 5})
        wish = {"agent": "talks", "prompt": "x"}
        plain = (await ask(desk, **wish)).json()
        said = (await ask(desk, **wish, model="small", options={"max_turns": 9, "permission_mode": None})).json()
    assert (plain["model"], plain["options"]) == ("large", {"permission_mode": "edit", "max_turns": 5})
    assert (said["model"], said["options"]) == ("small", {"max_turns": 9})


@on_a_loop
async def test_another_provider_gets_neither_model_nor_options_nor_argv_of_the_agent(settings: Settings) -> None:
    async with served(settings) as desk:
        await add(desk, options={"max_turns": 5})
        other = (await ask(desk, agent="talks", provider="command", argv=["true"])).json()
        await add(desk, slug="plain", provider="command", argv=["true"], model=None)
        talking = (await ask(desk, agent="plain", provider="talker", prompt="x")).json()
    assert (other["model"], other["options"], other["argv"]) == (None, None, ["true"])
    assert (talking["provider"], talking["argv"]) == ("talker", None)


@on_a_loop
async def test_the_same_key_is_answered_the_same_with_options_as_without(settings: Settings) -> None:
    async with served(settings) as desk:
        head = {"Idempotency-Key": "one"}
        first = await desk.http.post("/agents", json=TALKING | {"options": {"max_turns": 5}}, headers=head)
        again = await desk.http.post("/agents", json=TALKING | {"options": {"max_turns": 5}}, headers=head)
        other = await desk.http.post("/agents", json=TALKING | {"options": {"max_turns": 6}}, headers=head)
    assert first.json() == again.json()
    assert "another request" in problem(other)
