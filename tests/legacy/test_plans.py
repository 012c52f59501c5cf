"""An older `specPath`: the plan that a card holds, or a file that is read into it - and none that leads out."""

from pathlib import Path

from conselho.cards import limits
from conselho.settings import Settings
from tests.legacy.asking import get, problem
from tests.legacy.kanban import NEVER_RAN, add, execute, prepare, send
from tests.looping import on_a_loop
from tests.projects.repositories import git, make_repository
from tests.server.desk import served


@on_a_loop
async def test_a_spec_path_is_read_into_the_plan(settings: Settings, shop: Path) -> None:
    (shop / "specs").mkdir()
    (shop / "specs" / "plan.md").write_text("\ufeffFirst this, then that.\n")
    async with served(settings, works=True) as desk:
        await prepare(desk, shop, "cat")
        card = await add(desk)
        told = await execute(desk, "implement", card, specPath="specs/plan.md")
        assert told["specPath"] == f"card:{card['number']}"
        assert "First this, then that." in told["result"]

        changed = await send(desk, "PUT", f"cards/{card['id']}", {"specPath": None})
        assert changed.json()["specPath"] is None
        for path in (str(shop / "specs" / "plan.md"), f"card:{card['number']}"):
            changed = await send(desk, "PUT", f"cards/{card['id']}", {"specPath": path})
            assert changed.json()["specPath"] == f"card:{card['number']}"
        plan = (await desk.http.get(f"/cards/{card['number']}")).json()["plan"]
        assert plan == "First this, then that.\n"


@on_a_loop
async def test_a_plan_in_the_worktree_wins_over_that_of_the_checkout(settings: Settings, tmp_path: Path) -> None:
    project = make_repository(tmp_path / "repository")
    (project / "plan.md").write_text("of the checkout")
    async with served(settings, works=True) as desk:
        await prepare(desk, project, "cat")
        card = await add(desk)
        assert "of the checkout" in (await execute(desk, "implement", card, specPath="plan.md"))["result"]
        worktree = Path((await get(desk, f"cards/{card['id']}"))["worktreePath"])
        (worktree / "plan.md").write_text("of the worktree")
        assert "of the worktree" in (await execute(desk, "implement", card, specPath="plan.md"))["result"]


@on_a_loop
async def test_a_spec_path_that_leads_nowhere_or_out_is_refused(settings: Settings, tmp_path: Path) -> None:
    project = make_repository(tmp_path / "repository")
    (tmp_path / "secret.md").write_text("secret")
    (project / "link.md").symlink_to(tmp_path / "secret.md")
    (project / "loop.md").symlink_to("loop.md")
    (project / "git").symlink_to(".git")
    (project / "image.png").write_bytes(b"\x89PNG\r\n\xff\x00")
    (project / "nul.md").write_bytes(b"a\0b")
    (project / "long.md").write_bytes(b"x" * (limits.PLAN_BYTES_MAX + 1))
    paths = (
        "nothing.md", "src", ".", "../secret.md", str(tmp_path / "secret.md"), "link.md", "loop.md", ".git/config",
        "git/config", "image.png", "nul.md", "long.md", "a\0b", "x" * 1001, "y" * 900, "card:7", "/dev/zero",
    )  # fmt: skip
    async with served(settings) as desk:
        await prepare(desk, project)
        card = await add(desk)
        for path in paths:
            for method, to, body in (
                ("POST", "execute-implement", {"cardId": card["id"], "specPath": path}),
                ("PATCH", f"cards/{card['id']}", {"specPath": path}),
            ):
                answer = await send(desk, method, to, body)
                assert problem(answer)[0] == 422, (path, answer.text)
        assert await get(desk, f"logs/{card['id']}") == NEVER_RAN
        assert (await get(desk, f"cards/{card['id']}"))["specPath"] is None


@on_a_loop
async def test_without_a_project_or_its_files_no_spec_path_is_read(settings: Settings, tmp_path: Path) -> None:
    project = make_repository(tmp_path / "repository")
    git(tmp_path, "clone", "-q", "--bare", str(project), "bare")
    async with served(settings) as desk:
        card = await add(desk)
        status, sentence = problem(await send(desk, "PUT", f"cards/{card['id']}", {"specPath": "plan.md"}))
        assert (status, "no project" in sentence) == (422, True)
        await prepare(desk, tmp_path / "bare")
        card = await add(desk)
        assert card["projectId"]
        status, sentence = problem(await send(desk, "PUT", f"cards/{card['id']}", {"specPath": "HEAD"}))
        assert (status, "only commits" in sentence) == (422, True)
