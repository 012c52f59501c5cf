"""`conselho projects worktrees`, with the real server and real worktrees."""

import json
from pathlib import Path
from typing import Any

import pytest

from conselho.projects import places, worktrees
from tests.cli.conftest import House
from tests.projects.repositories import make_repository


def listed(house: House, project: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(house.call("projects", "worktrees", "list", "--json", project).stdout)
    return list(found["items"])


def test_worktrees_are_listed_and_removed(shared_house: House, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "yard")
    project = json.loads(shared_house.call("projects", "add", "--json", str(shop)).stdout)
    home = places.home(shared_house.data_dir, project["id"])
    kept = worktrees.add(shop, home, "900000-left")
    worktrees.add(shop, home, "900001-clean")
    (kept.path / "new.txt").write_text("work\n")

    table = shared_house.call("projects", "worktrees", "list", "yard").stdout.splitlines()
    assert table[1].split() == ["900000-left", "-", "orphan", "conselho/900000-left", "ready"]
    told = shared_house.call("projects", "worktrees", "remove", "yard", "900001-clean")
    assert (told.returncode, told.stdout, told.stderr) == (0, "removed 900001-clean\n", "")
    told = shared_house.call("projects", "worktrees", "remove", "yard", "900000-left")
    assert (told.returncode, told.stdout) == (1, "")
    assert f"{kept.path} has changes that are not committed: kept" in told.stderr
    assert [each["name"] for each in listed(shared_house, "yard")] == ["900000-left"]

    (kept.path / "new.txt").unlink()
    shared_house.call("projects", "worktrees", "remove", "yard", "900000-left")
    assert shared_house.call("projects", "remove", "yard").returncode == 0


@pytest.mark.parametrize("name", ["", ".", "..", "../shop", "a/b", "nowhere", "%2e%2e", "\udcff"])
def test_no_name_of_a_worktree_leads_elsewhere(shared_house: House, tmp_path: Path, name: str) -> None:
    shop = make_repository(tmp_path / "fence")
    shared_house.call("projects", "add", str(shop))
    told = shared_house.call("projects", "worktrees", "remove", "fence", name)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert shared_house.call("projects", "remove", "fence").returncode == 0  # it was there still
