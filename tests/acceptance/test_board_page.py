"""The commands of docs/howto/board.md, run as they stand there."""

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
from tests.projects.repositories import IDENTITY, git

PAGE = Page(ROOT / "docs" / "howto" / "board.md")


@pytest.fixture
def short_house(make_house: MakeHouse, database_url: str) -> Iterator[House]:
    """A house whose path is short enough for its socket to lie in it."""
    place = Path(tempfile.mkdtemp(prefix="conselho-page-", dir="/tmp"))
    yield make_house(None if database_url.startswith("sqlite") else database_url, place)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A project with a fault that can be mended, and a check that is content."""
    made = tmp_path / "tools"
    made.mkdir()
    (made / "till.py").write_text("total = 0  \n", encoding="utf-8")
    (made / "Makefile").write_text("check:\n\t@echo checked\n", encoding="utf-8")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "begin")):
        git(made, *arguments)
    return made


@pytest.mark.timeout(400)
def test_the_commands_of_the_page_go_as_it_says(short_house: House, tools: Path) -> None:
    server = short_house.serve()
    program = Path(sys.executable).parent
    environment = short_house.environment | IDENTITY | {
        "CONSELHO_DATA_DIR": str(short_house.data_dir),
        "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip

    told = subprocess.run(
        ["bash", "-c", "\n".join(["set -eu", *PAGE.blocks("sh")])],
        cwd=tools, env=environment, capture_output=True, text=True, timeout=370, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr + told.stdout
    for said in (
        "added card 1", "moved card 1 to done", "archived card 1", "Mend what can be mended",
        "-total = 0  \n+total = 0\n", "cancelled card 2", "moved card 3 to backlog",
    ):  # fmt: skip
        assert said in told.stdout, f"{said}: {told.stdout}"
    assert "to merge it: git -C " in told.stderr
    assert (tools / "till.py").read_text(encoding="utf-8") == "total = 0\n"
    columns = {each["name"]: each for each in server.http.get("/board").json()["columns"]}
    assert [each["number"] for each in columns["backlog"]["cards"]] == [3, 2]
    assert columns["archived"]["total"] == 1
    assert [run["agent"] for run in server.http.get("/cards/2/executions").json()["items"]] == ["checker"]
