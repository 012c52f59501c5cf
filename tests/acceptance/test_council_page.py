"""The commands of docs/howto/council.md, run as they stand there."""

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

PAGE = Page(ROOT / "docs" / "howto" / "council.md")
MAKEFILE = "test:\n\t@echo SLOW test_large; echo FAILED test_small; exit 1\n"


@pytest.fixture
def short_house(make_house: MakeHouse, database_url: str) -> Iterator[House]:
    """A house whose path is short enough for its socket to lie in it."""
    place = Path(tempfile.mkdtemp(prefix="conselho-page-", dir="/tmp"))
    yield make_house(None if database_url.startswith("sqlite") else database_url, place)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a test that fails and an old promise."""
    made = tmp_path / "shop"
    made.mkdir()
    (made / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (made / "debt.py").write_text("# FIXME: pay it back\n", encoding="utf-8")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "begin")):
        subprocess.run(["git", *arguments], cwd=made, check=True)
    return made


def test_the_commands_of_the_page_go_as_it_says(short_house: House, shop: Path) -> None:
    server = short_house.serve()
    program = Path(sys.executable).parent
    environment = short_house.environment | {
        "CONSELHO_DATA_DIR": str(short_house.data_dir),
        "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
    }

    told = subprocess.run(
        ["bash", "-c", "\n".join(["set -eu", *PAGE.blocks("sh")])],
        cwd=shop, env=environment, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr + told.stdout
    for said in (
        "promoted tests: every 30 minutes, next ", "FAILED test_small", "exit 2", "every day at 02:30 (Europe/Lisbon)",
        "changed tests: every 2 hours, next ", "acknowledged FIXME: pay it back", "paused tests", "resumed tests",
        "demoted coverage", "promoted coverage: ",
    ):  # fmt: skip
        assert said in told.stdout, f"{said}: {told.stdout}"
    councilors = {each["slug"]: each for each in server.http.get("/councilors").json()["items"]}
    assert set(councilors) == {"tests", "quality"}
    assert councilors["quality"]["last"]["severity"] == "warning"
