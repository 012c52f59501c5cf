"""The commands of docs/howto/projects.md, run as they stand there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import House, MakeHouse
from tests.architecture.markdown import ROOT, Page
from tests.projects.repositories import IDENTITY, git, make_repository

PAGE = Page(ROOT / "docs" / "howto" / "projects.md")


@pytest.fixture
def short_house(make_house: MakeHouse, database_url: str) -> Iterator[House]:
    """A house whose path is short enough for its socket to lie in it."""
    place = Path(tempfile.mkdtemp(prefix="conselho-page-", dir="/tmp"))
    yield make_house(None if database_url.startswith("sqlite") else database_url, place)
    shutil.rmtree(place, ignore_errors=True)


def test_the_commands_of_the_page_go_as_it_says(short_house: House, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop")
    server = short_house.serve()
    program = Path(sys.executable).parent
    environment = (
        short_house.environment
        | IDENTITY
        | {
            "CONSELHO_DATA_DIR": str(short_house.data_dir),
            "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
        }
    )

    told = subprocess.run(
        ["bash", "-c", "\n".join(["set -eu", *PAGE.blocks("sh")])],
        cwd=shop, env=environment, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr + told.stdout
    for said in (
        "added shop", "changed shop", "/implement 1: Say one more thing", "removed 1-say-one-more-thing",
        "removed shop",
        "implement  conselho/1-say-one-more-thing  ready", f"git -C {shop} merge --no-ff conselho/1-say-one-more-thing",
    ):  # fmt: skip
        assert said in told.stdout, f"{said}: {told.stdout}"
    assert (shop / "notes.txt").read_text(encoding="utf-8") == "one\ntwo\nthree\none more line\n"
    assert git(shop, "status", "--porcelain") == ""
    assert server.http.get("/projects").json()["items"] == []
