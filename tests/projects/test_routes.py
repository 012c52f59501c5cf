"""Projects over HTTP, on both databases, with real directories."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.projects.repositories import git, make_repository, standing
from tests.server.desk import Desk, served


async def add(desk: Desk, path: Path, **fields: Any) -> dict[str, Any]:
    answer = await desk.http.post("/projects", json={"path": str(path)} | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@on_a_loop
async def test_a_project_is_made_looked_at_changed_and_removed(settings: Settings, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "The Shop")
    (tmp_path / "link").symlink_to(shop)
    before = standing(shop)
    async with served(settings) as desk:
        made = await desk.http.post("/projects", json={"path": str(tmp_path / "link"), "title": "Shop"})
        found = made.json()
        told = {
            "slug": "The-Shop", "title": "Shop", "path": str(shop), "default_branch": "main", "is_repository": True,
            "may_use_own_commands": False, "version": 1,
        }  # fmt: skip
        assert found | told == found
        assert made.headers["Location"] == f"/api/v1/projects/{found['id']}"
        for name in ("The-Shop", found["id"]):
            assert (await desk.http.get(f"/projects/{name}")).json() | {"as_of": found["as_of"]} == found

        git(shop, "branch", "next")
        changes = {"title": None, "default_branch": "next", "may_use_own_commands": True, "version": 1}
        changed = (await desk.http.patch("/projects/The-Shop", json=changes)).json()
        assert changed | changes | {"version": 2} == changed
        again = (await desk.http.patch("/projects/The-Shop", json={"default_branch": None})).json()
        assert (again["default_branch"], again["version"]) == ("main", 3)
        assert problem(await desk.http.patch("/projects/The-Shop", json={"version": 1, "title": "x"}))[0] == 409

        gone = await desk.http.delete(f"/projects/{found['id']}")
        assert (gone.status_code, gone.content) == (204, b"")
        for answer in (
            await desk.http.get("/projects/The-Shop"),
            await desk.http.delete("/projects/The-Shop"),
            await desk.http.patch("/projects/The-Shop", json={"title": "x"}),
            await desk.http.get("/projects/The-Shop/worktrees"),
        ):
            assert problem(answer)[0] == 404
        kinds = [(each["kind"], each["data"]) for each in (await desk.http.get("/events")).json()["items"]]
        named = {"project_id": found["id"], "project": "The-Shop"}
        assert kinds == [
            ("project.created", named),
            ("project.changed", named | {"fields": ["default_branch", "may_use_own_commands", "title"]}),
            ("project.changed", named | {"fields": ["default_branch"]}),
            ("project.removed", named),
        ]
    git(shop, "branch", "-q", "-D", "next")
    assert standing(shop) == before


@on_a_loop
async def test_a_plain_directory_becomes_a_repository_when_it_is_looked_at_again(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    async with served(settings) as desk:
        made = await add(desk, tmp_path / "plain")
        assert (made["is_repository"], made["default_branch"]) == (False, None)
        git(tmp_path / "plain", "init", "-q", "-b", "main")
        changed = (await desk.http.patch("/projects/plain", json={"path": None})).json()
        assert (changed["is_repository"], changed["default_branch"]) == (True, "main")


@on_a_loop
async def test_what_cannot_be_is_refused_and_named(settings: Settings, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    around = make_repository(tmp_path / "around", commits=False)
    (tmp_path / "plain").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    path = str(tmp_path / "plain")
    async with served(settings) as desk:
        for body, word in (
            ({}, "path"),
            ({"path": "shop"}, "absolute"),
            ({"path": str(tmp_path / "nowhere")}, "create it first"),
            ({"path": str(tmp_path / "circle")}, "create it first"),
            ({"path": str(shop / "notes.txt")}, "no directory"),
            ({"path": str(shop / "src")}, f"inside the repository {shop}"),
            ({"path": str(shop / ".." / "shop" / "src")}, f"inside the repository {shop}"),
            ({"path": str(settings.data_dir)}, "data directory"),
            ({"path": "/" + "x" * 3000}, "2000 bytes"),
            ({"path": path, "slug": "a/b"}, "slug"),
            ({"path": path, "slug": ""}, "slug"),
            ({"path": path, "title": "x" * 201}, "title"),
            ({"path": path, "title": "a\0b"}, ""),
            ({"path": path, "default_branch": "main"}, "default_branch"),
            ({"path": str(shop), "default_branch": "-x"}, "default_branch"),
            ({"path": str(shop), "default_branch": "nowhere"}, "default_branch"),
            ({"path": path, "may_use_own_commands": "yes"}, "may_use_own_commands"),
            ({"path": path, "colour": "red"}, "colour"),
            ([], ""),
        ):
            status, sentence = problem(await desk.http.post("/projects", json=body))
            assert status == 422, body
            assert word in sentence
        await add(desk, shop)
        await add(desk, around)
        assert problem(await desk.http.post("/projects", json={"path": str(shop), "slug": "other"}))[0] == 409
        assert problem(await desk.http.post("/projects", json={"path": path, "slug": "shop"}))[0] == 409
        assert problem(await desk.http.patch("/projects/around", json={"path": str(shop)}))[0] == 409
        for name in ("%00", "é", "x" * 200, "a b"):
            assert problem(await desk.http.get(f"/projects/{name}"))[0] == 404
        assert len((await desk.http.get("/projects")).json()["items"]) == 2


@on_a_loop
async def test_a_repository_around_the_data_directory_is_refused(settings: Settings, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    async with served(settings) as desk:
        status, sentence = problem(await desk.http.post("/projects", json={"path": str(tmp_path)}))
        assert (status, "contains the data directory" in sentence) == (422, True)
        (settings.data_dir / ".gitignore").write_text("*\n")
        assert (await desk.http.post("/projects", json={"path": str(tmp_path)})).status_code == 201


@on_a_loop
async def test_the_inside_of_a_repository_is_no_project_beside_it(settings: Settings, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    async with served(settings) as desk:
        status, sentence = problem(await desk.http.post("/projects", json={"path": str(shop / ".git")}))
        assert (status, f"the inside of the repository {shop}: name that" in sentence) == (422, True)


@on_a_loop
async def test_many_posts_of_one_key_make_one_project_and_answer_alike_later(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    body, headers = {"path": str(tmp_path / "plain")}, {"Idempotency-Key": "k"}
    async with served(settings) as desk:
        answers = await asyncio.gather(*(desk.http.post("/projects", json=body, headers=headers) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        await desk.http.delete("/projects/plain")
        (tmp_path / "plain").rmdir()
        assert (await desk.http.post("/projects", json=body, headers=headers)).text == answers[0].text
        assert problem(await desk.http.post("/projects", json={"path": "/"}, headers=headers))[0] == 422


@on_a_loop
async def test_pages_of_projects_follow_each_other(settings: Settings, tmp_path: Path) -> None:
    async with served(settings) as desk:
        for number in range(5):
            (tmp_path / f"p{number}").mkdir()
            await add(desk, tmp_path / f"p{number}")
        found: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await desk.http.get("/projects", params=query)).json()
            found += [each["slug"] for each in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert found == [f"p{number}" for number in range(5)]
        assert problem(await desk.http.get("/projects", params={"after": "x"}))[0] == 422
