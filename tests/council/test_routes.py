"""The council over HTTP: what is sent, what comes back, and what is refused."""

from typing import Any

import httpx

from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

WHOLE: dict[str, Any] = {
    "title": "Quality", "display_name": "Dona Quality", "avatar_url": "/q.png", "color": "#336699", "slug": "quality",
    "task": {
        "name": "Long files", "prompt": "Which are too long?", "context_files": ["README.md", "src/a.py"],
        "output_format": "checklist",
    },
    "schedule": {
        "type": "cron", "value": "0 9 * * 1", "timezone": "America/Sao_Paulo", "overlap": "queue", "catch_up": "all",
        "catch_up_max": 3, "start_window_seconds": 90.0, "jitter_seconds": 5.0,
    },
    "notifications": {"on_success": True, "on_warning": False, "on_error": True, "channels": ["toast", "email"]},
    "severity_rules": [{"pattern": "(?i)no faults", "severity": "success", "summary": "all is well"}],
}  # fmt: skip
PLAIN: dict[str, Any] = {
    "title": "Quality",
    "task": {"name": "Long files", "prompt": "Which are too long?"},
    "schedule": {"type": "interval", "value": "10m"},
}


async def add_agent(desk: Desk, slug: str = "reviewer", **fields: Any) -> str:
    answer = await desk.http.post("/agents", json={"slug": slug, "argv": ["true"], "cwd": "/tmp"} | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def promote(desk: Desk, agent: str = "reviewer", key: str | None = None, **fields: Any) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await desk.http.post(f"/agents/{agent}/promote", json=PLAIN | fields, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@on_a_loop
async def test_an_agent_is_promoted_looked_at_changed_and_demoted(settings: Settings) -> None:
    async with served(settings) as desk:
        agent = await add_agent(desk)
        made = await desk.http.post("/agents/reviewer/promote", json=WHOLE)
        told = made.json()
        assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/councilors/{told['id']}")
        assert told["schedule"] | WHOLE["schedule"] == told["schedule"]
        assert told["schedule"]["words"] == "Mondays at 09:00 (America/Sao_Paulo)"
        assert {name: told[name] for name in WHOLE if name != "schedule"} == {
            name: value for name, value in WHOLE.items() if name != "schedule"
        }
        assert (told["agent"], told["agent_id"], told["last"]) == ("reviewer", agent, None)
        assert (told["stats"]["total"], told["stats"]["success_rate"]) == (0, None)
        for name in ("quality", told["id"]):
            assert (await desk.http.get(f"/councilors/{name}")).json() == told
        assert (await desk.http.get("/agents/reviewer")).json()["councilors"] == 1

        changed = await desk.http.patch(
            "/councilors/quality",
            json={
                "color": None,
                "task": {"context_files": None},
                "schedule": {"overlap": None},
                "severity_rules": None,
            },
        )
        assert changed.status_code == 200, changed.text
        after = changed.json()
        assert (after["color"], after["task"]["context_files"], after["severity_rules"]) == (None, [], [])
        assert (after["schedule"]["overlap"], after["version"], after["title"]) == ("skip", 2, "Quality")
        assert after["next_at"] == told["next_at"]

        assert (await desk.http.delete("/agents/reviewer")).status_code == 409
        assert (await desk.http.delete("/councilors/quality")).status_code == 204
        assert problem(await desk.http.get("/councilors/quality"))[0] == 404
        assert problem(await desk.http.delete("/councilors/quality"))[0] == 404
        assert (await desk.http.delete("/agents/reviewer")).status_code == 204


@on_a_loop
async def test_pages_of_councilors_and_of_one_agent(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        await add_agent(desk, "other")
        made = [(await promote(desk, agent))["slug"] for agent in ("reviewer", "reviewer", "other")]
        assert made == ["reviewer", "reviewer-long-files", "other"]
        first = (await desk.http.get("/councilors", params={"limit": 2})).json()
        rest = (await desk.http.get("/councilors", params={"limit": 2, "after": first["next"]})).json()
        assert [each["slug"] for each in first["items"] + rest["items"]] == made
        assert rest["next"] is None
        await desk.http.post("/councilors/other/pause")
        for query, slugs in (({"agent": "reviewer"}, made[:2]), ({"paused": "true"}, ["other"])):
            page = (await desk.http.get("/councilors", params=query)).json()
            assert [each["slug"] for each in page["items"]] == slugs


@on_a_loop
async def test_the_same_promotion_under_a_key_is_one_councilor(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        first = await promote(desk, key="k")
        await desk.http.patch("/councilors/reviewer", json={"title": "Other"})
        assert await promote(desk, key="k") == first
        other = await desk.http.post(
            "/agents/reviewer/promote", json=PLAIN | {"title": "Else"}, headers={"Idempotency-Key": "k"}
        )
        assert problem(other)[0] == 422
        assert len((await desk.http.get("/councilors")).json()["items"]) == 1


@on_a_loop
async def test_one_is_fired_by_hand_paused_or_not_and_its_moment_is_told(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        await add_agent(desk)
        councilor = await promote(desk)
        paused = await desk.http.post("/councilors/reviewer/pause", json={"by": "ana"})
        assert (paused.json()["paused_by"], paused.json()["next_at"]) == ("ana", None)
        fired = await desk.http.post("/councilors/reviewer/fire", headers={"Idempotency-Key": "f"})
        assert fired.status_code == 202, fired.text
        run = fired.json()
        assert (run["councilor_id"], run["origin"], run["title"]) == (councilor["id"], "api", "Quality: Long files")
        again = await desk.http.post("/councilors/reviewer/fire", headers={"Idempotency-Key": "f"})
        assert again.json() == run
        await desk.http.get(f"/executions/{run['id']}", params={"wait": 30})
        resumed = (await desk.http.post("/councilors/reviewer/resume")).json()
        assert (resumed["paused_at"], resumed["stats"]["total"], resumed["stats"]["success_rate"]) == (None, 1, 1.0)
        assert (resumed["last"]["execution_id"], resumed["last"]["streak"]) == (run["id"], 1)
        (slot,) = (await desk.http.get("/councilors/reviewer/slots")).json()["items"]
        assert (slot["state"], slot["is_manual"], slot["execution_id"]) == ("fired", True, run["id"])


@on_a_loop
async def test_an_interval_fires_by_itself(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        soon = {"type": "once", "value": "2999-01-01T00:00:00Z"}
        refused = await desk.http.post("/agents/reviewer/promote", json=PLAIN | {"schedule": soon})
        assert problem(refused)[0] == 422
        await promote(desk, schedule={"type": "interval", "value": "10s"})
        page = (await desk.http.get("/executions", params={"origin": "schedule"})).json()
        assert page["items"] == []


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"schedule": {"type": "interval", "value": "0m"}}, "interval"),
    ({"schedule": {"type": "interval", "value": "5"}}, "interval"),
    ({"schedule": {"type": "cron", "value": "0 0 30 2 *"}}, "does not happen"),
    ({"schedule": {"type": "cron", "value": "0 9 * * 1", "timezone": "Mars/Base"}}, "time zone"),
    ({"schedule": {}}, "schedule.type is missing"),
    ({"schedule": {"type": "cron", "value": None}}, "schedule.value has no default"),
    ({"slug": "templates"}, "take another one"),
    ({"language": "pt"}, "no template is named"),
    ({"color": "#12345"}, "color is none"),
    ({"avatar_url": "//evil.example/x"}, "avatar_url"),
    ({"task": {"name": "x", "prompt": ""}}, "prompt is empty"),
    ({"task": {"name": "x", "prompt": "y" * 10_001}}, "10,000"),
    ({"task": {"name": "x", "prompt": "y", "context_files": ["../etc/passwd"]}}, "lies outside"),
    ({"task": {"name": "x", "prompt": "y", "context_files": ["/etc/passwd"]}}, "lies outside"),
    ({"severity_rules": [{"pattern": "(a)\\1", "severity": "error"}]}, "RE2"),
    ({"severity_rules": [{"pattern": "a", "severity": "bad"}]}, "severity"),
    ({"slug": "a b"}, "slug"),
    ({"template": "poetry"}, "template"),
)


@on_a_loop
async def test_what_cannot_be_is_refused_with_a_sentence(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        for body, sentence in WRONG:
            status, detail = problem(await desk.http.post("/agents/reviewer/promote", json=PLAIN | body))
            assert (status, sentence in detail) == (422, True), (body, detail)
        assert (await desk.http.get("/councilors")).json()["items"] == []


@on_a_loop
async def test_who_there_is_not_is_404(settings: Settings) -> None:
    async with served(settings) as desk:
        for answer in (
            await desk.http.post("/agents/nobody/promote", json=PLAIN),
            await desk.http.get("/councilors/nobody"),
            await desk.http.patch("/councilors/nobody", json={"title": "x"}),
            await desk.http.post("/councilors/nobody/fire"),
            await desk.http.post("/councilors/nobody/pause"),
            await desk.http.post("/councilors/nobody/resume"),
            await desk.http.get("/councilors/nobody/slots"),
        ):
            assert problem(answer)[0] == 404


@on_a_loop
async def test_a_template_brings_its_task_and_its_schedule(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        zone = {"schedule": {"timezone": "America/Sao_Paulo"}}
        answer = await desk.http.post(
            "/agents/reviewer/promote", json={"template": "inline-css", "language": "pt"} | zone
        )
        assert answer.status_code == 201, answer.text
        told = answer.json()
        (template,) = [
            each
            for each in (await desk.http.get("/councilors/templates", params={"language": "pt"})).json()["items"]
            if each["name"] == "inline-css"
        ]
        assert (told["title"], told["task"]["name"]) == (template["title"], template["task_name"])
        assert (told["schedule"]["value"], told["schedule"]["timezone"]) == (
            template["schedule_value"],
            "America/Sao_Paulo",
        )


@on_a_loop
async def test_a_zone_goes_back_to_utc_and_moves_cron_alone(settings: Settings) -> None:
    async with served(settings) as desk:
        await add_agent(desk)
        cron = {"type": "cron", "value": "0 9 * * 1", "timezone": "America/Sao_Paulo"}
        before = await promote(desk, schedule=cron)
        after = (await desk.http.patch("/councilors/reviewer", json={"schedule": {"timezone": None}})).json()
        assert (after["schedule"]["timezone"], after["next_at"]) == ("UTC", before["next_at"].replace("12:", "09:"))
        refused = await desk.http.patch("/councilors/reviewer", json={"schedule": {"value": None}})
        assert problem(refused)[0] == 422

        often = await promote(desk, schedule={"type": "interval", "value": "2d"})
        path = f"/councilors/{often['id']}"
        zoned = (await desk.http.patch(path, json={"schedule": {"timezone": "Europe/Berlin"}})).json()
        assert (zoned["schedule"]["timezone"], zoned["next_at"]) == ("Europe/Berlin", often["next_at"])


@on_a_loop
async def test_executions_are_asked_for_by_a_councilors_id(settings: Settings) -> None:
    async with served(settings) as desk:
        assert problem(await desk.http.get("/executions", params={"councilor": "reviewer"}))[0] == 422
