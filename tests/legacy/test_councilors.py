"""The older doors to the council: what its clients send is done, and what they expect comes back."""

import asyncio
from copy import deepcopy
from typing import Any

import httpx
import pytest

from conselho.legacy import holders
from conselho.legacy.shapes import OlderExecution, OlderReport
from conselho.settings import Settings
from tests.executions.making import cancel, claim, finish, make_ended, make_outcome, start
from tests.legacy.asking import (
    CONFIG,
    LOOK,
    NAME,
    NO_STATS,
    PROMOTION,
    add_agent,
    ask,
    check_shape,
    get,
    problem,
    promote,
)
from tests.looping import on_a_loop
from tests.server.desk import Desk, served


async def councilor_id(desk: Desk, agent: str = NAME) -> str:
    page = (await desk.http.get("/councilors", params={"agent": agent})).json()
    return str(page["items"][0]["id"])


async def ended(desk: Desk, councilor: str, agent: str = NAME, **outcome: Any) -> str:
    """A run of that councilor that is over."""
    return await asyncio.to_thread(
        make_ended, desk.runtime.database, make_outcome(**outcome), councilor_id=councilor, agent=agent
    )


@pytest.mark.parametrize("under", ["councilors", "agents"])
@on_a_loop
async def test_an_agent_is_promoted_paused_resumed_changed_and_demoted_under_either_path(
    settings: Settings, under: str
) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        made = await ask(desk, "POST", f"{NAME}/promote-councilor", PROMOTION, under)
        assert made.status_code == 200, made.text
        agent = {
            "agent_id": NAME, "name": NAME, "is_councilor": True, "councilor_config": CONFIG, "customization": LOOK,
            "stats": NO_STATS,
        }  # fmt: skip
        assert made.json() == {"success": True, "message": f"Agent '{NAME}' promoted to councilor", "agent": agent}
        ours = (await desk.http.get(f"/councilors/{NAME}")).json()
        assert (ours["agent"], ours["task"], ours["schedule"]["timezone"]) == (NAME, CONFIG["task"], "UTC")

        for enabled, said in ((False, "Schedule paused"), (False, "Schedule paused"), (True, "Schedule resumed")):
            answer = await ask(desk, "PATCH", f"{NAME}/councilor-schedule", {"enabled": enabled}, under)
            schedule = {"type": "interval", "value": "30m", "enabled": enabled}
            assert answer.json() == {"success": True, "message": said, "schedule": schedule}
            assert ((await desk.http.get(f"/councilors/{NAME}")).json()["next_at"] is not None) is enabled

        hourly = {"schedule": {"type": "interval", "value": "1h"}, "task": {"context_files": None}}
        changed = await ask(desk, "PATCH", f"{NAME}/councilor-config", hourly, under)
        config = changed.json()["agent"]["councilor_config"]
        assert changed.json()["success"] is True
        assert config["schedule"] == {"type": "interval", "value": "1h", "enabled": True}
        assert config["task"] == CONFIG["task"] | {"context_files": []}

        gone = await ask(desk, "DELETE", f"{NAME}/demote-councilor", under=under)
        assert gone.json()["agent"] == agent | {
            "is_councilor": False, "councilor_config": None, "customization": None
        }  # fmt: skip
        assert (await get(desk, "councilors", is_councilor=True)) == {"agents": [], "count": 0}


@on_a_loop
async def test_a_councilor_is_promoted_once(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        status, said = problem(await ask(desk, "POST", f"{NAME}/promote-councilor", PROMOTION))
        assert (status, "is a councilor already" in said) == (409, True)


@on_a_loop
async def test_of_many_promotions_at_once_one_is_done(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        answers = await asyncio.gather(*(ask(desk, "POST", f"{NAME}/promote-councilor", PROMOTION) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
        assert len((await desk.http.get("/councilors")).json()["items"]) == 1


@on_a_loop
async def test_one_that_is_promoted_with_its_schedule_off_is_paused(settings: Settings) -> None:
    body = deepcopy(PROMOTION)
    body["councilor_config"]["schedule"]["enabled"] = False
    async with served(settings) as desk:
        told = await promote(desk, body=body)
        assert told["councilor_config"]["schedule"]["enabled"] is False
        ours = (await desk.http.get(f"/councilors/{NAME}")).json()
        assert (ours["paused_by"], ours["next_at"]) == ("API", None)


@on_a_loop
async def test_fields_are_changed_and_cleared_one_by_one_however_they_are_wrapped(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        for wrap in (lambda config: config, lambda config: {"councilor_config": config}):
            for config, look, expected in (
                ({"title": "Segurança"}, {}, {"title": "Segurança"}),
                ({"notifications": {"on_success": True}}, {}, {"on_success": True, "on_warning": True}),
                ({"schedule": {"enabled": False}}, {}, {"value": "30m", "enabled": False}),
                ({"schedule": {"enabled": True}}, {}, {"value": "30m", "enabled": True}),
                ({"task": {"output_format": None}}, {}, {"output_format": "summary"}),
                ({}, {"customization": {"color": None}}, {"color": None, "display_name": "Dra. Testa"}),
                ({}, {"customization": LOOK}, LOOK),
                (CONFIG, {}, {"title": CONFIG["title"], "on_success": False, "output_format": "checklist"}),
            ):
                answer = await ask(desk, "PATCH", f"{NAME}/councilor-config", wrap(config) | look)
                assert answer.status_code == 200, answer.text
                told = answer.json()["agent"]
                parts = ("schedule", "task", "notifications")
                flat = dict(told["councilor_config"]) | told["customization"]
                flat = {name: each for part in parts for name, each in told["councilor_config"][part].items()} | flat
                if "value" in expected:
                    flat |= told["councilor_config"]["schedule"]
                assert flat | expected == flat


@on_a_loop
async def test_a_look_that_is_switched_off_is_taken_away(settings: Settings) -> None:
    async with served(settings) as desk:
        told = await promote(desk, body=PROMOTION | {"customization": {"display_name": "Dra. Testa"}})
        assert told["customization"] == {
            "enabled": True, "display_name": "Dra. Testa", "avatar_url": None, "color": None
        }  # fmt: skip
        for off in (LOOK | {"enabled": False}, None):
            await ask(desk, "PATCH", f"{NAME}/councilor-config", {"customization": LOOK})
            answer = await ask(desk, "PATCH", f"{NAME}/councilor-config", {"customization": off})
            assert answer.json()["agent"]["customization"] == {
                "enabled": False, "display_name": None, "avatar_url": None, "color": None
            }  # fmt: skip


@on_a_loop
async def test_what_older_clients_send_beside_is_passed_over(settings: Settings) -> None:
    body = deepcopy(PROMOTION) | {"is_councilor": True}
    body["councilor_config"] |= {"stats": {}, "created_by": "ana"}
    body["councilor_config"]["schedule"]["next_run"] = "soon"
    body["councilor_config"]["task"]["id"] = 1
    async with served(settings) as desk:
        assert (await promote(desk, body=body))["councilor_config"] == CONFIG


@pytest.mark.parametrize(
    ("part", "fields", "sentence"),
    [
        ("schedule", {"value": "0m"}, "no interval"),
        ("schedule", {"value": "30"}, "no interval"),
        ("schedule", {"type": "cron", "value": "0 9 * *"}, "cron"),
        ("schedule", {"type": "weekly"}, "schedule.type"),
        ("schedule", {"enabled": "yes"}, "schedule.enabled"),
        ("task", {"prompt": ""}, "the prompt is empty"),
        ("task", {"prompt": "x" * 10_001}, "10,000"),
        ("task", {"name": None}, "task.name is missing"),
        ("task", {"output_format": "poem"}, "task.output_format"),
        ("task", {"context_files": ["../etc/passwd"]}, "lies outside"),
        ("notifications", {"channels": ["pigeon"]}, "notifications.channels"),
    ],
)
@on_a_loop
async def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(
    settings: Settings, part: str, fields: dict[str, Any], sentence: str
) -> None:
    async with served(settings) as desk:
        told = await promote(desk)
        wrong = CONFIG | {part: CONFIG[part] | fields}
        await add_agent(desk, "other")
        for answer in (
            await ask(desk, "POST", "other/promote-councilor", {"councilor_config": wrong}),
            await ask(desk, "PATCH", f"{NAME}/councilor-config", {part: fields}),
        ):
            status, said = problem(answer)
            assert status == 422
            assert sentence in said
        assert (await get(desk, "councilors", is_councilor="true"))["agents"] == [told]


@on_a_loop
async def test_a_body_that_is_none_of_theirs_is_refused(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        for method, verb, body in (
            ("POST", "promote-councilor", {}),
            ("POST", "promote-councilor", {"councilor_config": {}}),
            ("PATCH", "councilor-schedule", {}),
            ("PATCH", "councilor-schedule", {"enabled": None}),
        ):
            assert problem(await ask(desk, method, f"{NAME}/{verb}", body))[0] == 422


@on_a_loop
async def test_who_there_is_not_and_who_is_no_councilor_is_404(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        for name in ("nobody", NAME):
            for method, verb, body in (
                ("DELETE", "demote-councilor", None),
                ("PATCH", "councilor-config", {"title": "x"}),
                ("PATCH", "councilor-config", {"task": {"context_files": ["a"]}}),
                ("PATCH", "councilor-schedule", {"enabled": True}),
                ("POST", "execute-now", None),
                ("GET", "councilor-reports", None),
                ("GET", "councilor-reports/latest", None),
            ):
                status, said = problem(await ask(desk, method, f"{name}/{verb}", body))
                assert status == 404
                assert ("no councilor" in said) is (name == NAME)
        assert problem(await ask(desk, "POST", "nobody/promote-councilor", PROMOTION))[0] == 404


@on_a_loop
async def test_one_is_executed_now_also_while_it_is_paused_and_not_beside_itself(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        await ask(desk, "PATCH", f"{NAME}/councilor-schedule", {"enabled": False})
        answer = await ask(desk, "POST", f"{NAME}/execute-now")
        assert answer.status_code == 200, answer.text
        told = answer.json()
        made = told.pop("execution_id")
        assert told == {
            "success": True, "message": f"Councilor '{NAME}' is executed now", "councilor_id": NAME,
            "status": "pending",
        }  # fmt: skip
        run = (await desk.http.get(f"/executions/{made}")).json()
        assert (run["councilor_id"], run["origin"], run["status"]) == (await councilor_id(desk), "api", "queued")
        status, said = problem(await ask(desk, "POST", f"{NAME}/execute-now", {}, "agents"))
        assert (status, f"its run {made} has not ended" in said) == (409, True)
        assert await desk.count() == 1


@on_a_loop
async def test_agents_are_listed_with_the_first_of_their_councilors(settings: Settings) -> None:
    async with served(settings) as desk:
        plain = await add_agent(desk, "plain", title="Just an agent")
        first = await promote(desk)
        other = {"title": "Else", "task": {"name": "Other", "prompt": "What else?"}}
        again = await desk.http.post(
            f"/agents/{NAME}/promote", json=other | {"schedule": {"type": "cron", "value": "0 9 * * 1"}}
        )
        assert again.status_code == 201, again.text
        alone = {
            "agent_id": "plain", "name": "Just an agent", "is_councilor": False, "councilor_config": None,
            "customization": None, "stats": NO_STATS,
        }  # fmt: skip
        assert await get(desk, "councilors") == {"agents": [alone, first], "count": 2}
        assert await get(desk, "councilors", is_councilor="true") == {"agents": [first], "count": 1}
        assert await get(desk, "councilors", is_councilor="false") == {"agents": [alone], "count": 1}
        by_id = await ask(desk, "DELETE", f"{plain}/demote-councilor")
        assert problem(by_id)[0] == 404
        answer = (await ask(desk, "DELETE", f"{NAME}/demote-councilor")).json()
        assert answer["message"] == f"Agent '{NAME}' demoted from councilor; it holds another task, and is one still"
        demoted = answer["agent"]
        assert (demoted["is_councilor"], demoted["councilor_config"]["title"]) == (True, "Else")
        assert demoted["councilor_config"]["schedule"] == {"type": "cron", "value": "0 9 * * 1", "enabled": True}


@on_a_loop
async def test_a_list_that_is_too_long_says_how_many_there_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "AGENTS_MAX", 2)
    async with served(settings) as desk:
        for name in ("a", "b", "c"):
            await add_agent(desk, name)
        await promote(desk, "d")
        for query, names, count in (({}, ["a", "b"], 4), ({"is_councilor": False}, ["a", "b"], 3)):
            told = await get(desk, "councilors", **query)
            assert ([each["agent_id"] for each in told["agents"]], told["count"]) == (names, count)


@on_a_loop
async def test_stats_and_report_say_how_its_runs_went_in_percent(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        councilor = await councilor_id(desk)
        url = f"councilors/{NAME}/councilor-reports"
        empty = await get(desk, url)
        assert empty == {
            "councilor_id": NAME, "councilor_name": "Dra. Testa", "recent_executions": [], "total_executions": 0,
            "success_rate": 0.0, "next_execution": (await desk.http.get(f"/councilors/{NAME}")).json()["next_at"],
        }  # fmt: skip
        assert await get(desk, f"{url}/latest") is None

        well = await ended(desk, councilor, result="tudo certo", duration_seconds=1.2345)
        await ended(desk, councilor, severity="warning", result="um alerta")
        ill = await ended(desk, councilor, status="failed", severity="error", error="it broke")
        told = await get(desk, url)
        newest, _, oldest = told["recent_executions"]
        run, last = [(await desk.http.get(f"/executions/{each}")).json() for each in (well, ill)]
        moments = {name: run[name] for name in ("created_at", "started_at", "completed_at")}
        assert (told["total_executions"], told["success_rate"]) == (3, 33.3)
        assert oldest == {
            "_id": well, "execution_id": well, "councilor_id": NAME, "status": "completed", "severity": "success",
            "output": "tudo certo", "error": None, "duration_ms": 1234,
        } | moments  # fmt: skip
        assert (newest["_id"], newest["status"], newest["severity"], newest["error"]) == (
            ill, "error", "error", "it broke",
        )  # fmt: skip
        assert await get(desk, f"{url}/latest") == newest
        check_shape(OlderReport, told)
        check_shape(OlderExecution, newest)
        assert (await get(desk, url, limit=1))["recent_executions"] == [newest]
        (agent,) = (await get(desk, "councilors"))["agents"]
        assert agent["stats"] == {
            "total_executions": 3, "last_execution": last["completed_at"], "success_rate": 33.3
        }  # fmt: skip
        for wrong in (0, 101, "x"):
            assert problem(await ask(desk, "GET", f"{NAME}/councilor-reports?limit={wrong}"))[0] == 422


@pytest.mark.parametrize(
    ("step", "status"),
    [("queued", "pending"), ("claimed", "pending"), ("running", "processing"), ("timed out", "error")],
)
@on_a_loop
async def test_a_run_has_the_older_word_wherever_it_stands(settings: Settings, step: str, status: str) -> None:
    async with served(settings) as desk:
        await promote(desk)
        database = desk.runtime.database
        made = (await ask(desk, "POST", f"{NAME}/execute-now")).json()["execution_id"]
        if step != "queued":
            await asyncio.to_thread(claim, database)
        if step in {"running", "timed out"}:
            await asyncio.to_thread(start, database, made)
        if step == "timed out":
            await asyncio.to_thread(finish, database, made, severity="warning", status="timed_out")
        latest = await get(desk, f"agents/{NAME}/councilor-reports/latest")
        assert (latest["_id"], latest["status"]) == (made, status)
        assert (latest["completed_at"] is None) is (status != "error")


@on_a_loop
async def test_a_councilor_that_is_cancelled_or_paused_is_told_as_such(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        made = (await ask(desk, "POST", f"{NAME}/execute-now")).json()["execution_id"]
        await asyncio.to_thread(cancel, desk.runtime.database, made)
        await ask(desk, "PATCH", f"{NAME}/councilor-schedule", {"enabled": False})
        told = await get(desk, f"councilors/{NAME}/councilor-reports")
        assert (told["total_executions"], told["success_rate"], told["next_execution"]) == (1, 0.0, None)
        (run,) = told["recent_executions"]
        assert (run["status"], run["started_at"], run["duration_ms"]) == ("error", None, None)
        assert run["completed_at"] is not None


@on_a_loop
async def test_a_run_that_is_tried_again_is_reported_with_the_others(settings: Settings) -> None:
    async with served(settings) as desk:
        await promote(desk)
        made = (await ask(desk, "POST", f"{NAME}/execute-now")).json()["execution_id"]
        await asyncio.to_thread(cancel, desk.runtime.database, made)
        again = (await desk.http.post(f"/executions/{made}/retry")).json()["id"]
        told = await get(desk, f"councilors/{NAME}/councilor-reports")
        assert [each["_id"] for each in told["recent_executions"]] == [again, made]
        tasks = [await get(desk, f"tasks/{each}") for each in (made, again)]
        assert {task["councilor_config"]["task_name"] for task in tasks} == {"Verificar arquivos"}


@on_a_loop
async def test_a_foreign_page_changes_nothing_through_the_older_doors(settings: Settings) -> None:
    async with served(settings) as desk, httpx.AsyncClient(base_url=desk.url, trust_env=False) as http:
        told = await promote(desk)
        for method, verb in (
            ("POST", "promote-councilor"), ("POST", "execute-now"), ("PATCH", "councilor-config"),
            ("PATCH", "councilor-schedule"), ("DELETE", "demote-councilor"),
        ):  # fmt: skip
            for under in ("councilors", "agents"):
                path = f"/api/{under}/{NAME}/{verb}"
                answer = await http.request(method, path, json={}, headers={"Origin": "http://evil.example"})
                assert problem(answer)[0] == 403
                plain = await http.request(method, path, content=b"{}", headers={"Content-Type": "text/plain"})
                assert problem(plain)[0] == 415
        assert (await get(desk, "councilors"))["agents"] == [told]
        assert await desk.count() == 0
