"""`conselho projects`, with the real server and without one."""

import json
from pathlib import Path
from typing import Any

from conselho import names
from conselho.cli import projects
from conselho.projects import repositories
from tests.cli.conftest import House
from tests.projects.repositories import git, make_repository


def shown(house: House, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.call("projects", "show", "--json", name).stdout)
    return found


def test_the_limits_are_those_of_the_server() -> None:
    assert projects.BRANCH_CHARACTERS_MAX == repositories.BRANCH_CHARACTERS_MAX
    assert names.SLUG_CHARACTERS_MAX == 100


def test_a_project_is_added_shown_listed_changed_and_removed(shared_house: House, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    git(shop, "branch", "next")
    told = shared_house.call("projects", "add", str(shop), "--title", "The shop", "--own-commands")
    assert (told.returncode, told.stdout, told.stderr) == (0, "added shop\n", "")
    found = shown(shared_house, "shop")
    assert found | {"title": "The shop", "default_branch": "main", "may_use_own_commands": True} == found
    assert f"path                  {shop}\n" in shared_house.call("projects", "show", found["id"]).stdout
    assert str(shop) in shared_house.call("projects", "list").stdout
    assert "shop" in [
        each["slug"] for each in json.loads(shared_house.call("projects", "list", "--json").stdout)["items"]
    ]

    told = shared_house.call("projects", "set", "shop", "--branch", "next", "--no-own-commands", "--clear", "title")
    assert (told.returncode, told.stdout) == (0, "changed shop\n")
    changed: dict[str, Any] = {"title": None, "default_branch": "next", "may_use_own_commands": False, "version": 2}
    assert shown(shared_house, "shop") | changed == shown(shared_house, "shop")
    told = shared_house.call("projects", "worktrees", "list", "shop")
    assert (told.returncode, told.stdout) == (0, "")
    assert "no worktrees" in told.stderr

    told = shared_house.call("projects", "remove", "shop")
    assert (told.returncode, told.stdout) == (0, "removed shop\n")
    told = shared_house.call("projects", "show", "shop")
    assert (told.returncode, "conselho projects list" in told.stderr) == (1, True)


def test_what_cannot_be_is_refused_by_the_names_of_options(shared_house: House, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "refused")
    for arguments, word in (
        (("add", str(tmp_path / "nowhere")), "PATH: "),
        (("add", str(shop / "src")), "inside the repository"),
        (("add", str(shop), "--branch", "nowhere"), "--branch: "),
        (("add", str(shop), "--slug", "a/b"), "letters, digits"),
        (("set", "refused"), "say what to change"),
        (("set", "refused", "--title", "x", "--clear", "title"), "say different things"),
    ):
        told = shared_house.call("projects", *arguments)
        assert (told.returncode, told.stdout) == (2, ""), arguments
        assert word in told.stderr
        assert told.stderr.count("\n") == 1
    assert shared_house.call("projects", "show", "../agents").returncode == 1
