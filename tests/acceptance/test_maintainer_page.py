"""The commands of docs/howto/maintainer.md, run as they stand there."""

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

PAGE = Page(ROOT / "docs" / "howto" / "maintainer.md")


@pytest.fixture
def short_house(make_house: MakeHouse, database_url: str) -> Iterator[House]:
    """A house whose path is short enough for its socket to lie in it."""
    place = Path(tempfile.mkdtemp(prefix="conselho-page-", dir="/tmp"))
    yield make_house(None if database_url.startswith("sqlite") else database_url, place)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with one fault that can be mended."""
    made = tmp_path / "shop"
    made.mkdir()
    (made / "till.py").write_text("total = 0  \n", encoding="utf-8")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "begin")):
        subprocess.run(["git", *arguments], cwd=made, check=True)
    return made


@pytest.mark.timeout(300)
def test_the_commands_of_the_page_go_as_it_says(short_house: House, shop: Path) -> None:
    server = short_house.serve()
    program = Path(sys.executable).parent
    environment = short_house.environment | {
        "CONSELHO_DATA_DIR": str(short_house.data_dir),
        "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
    }

    told = subprocess.run(
        ["bash", "-c", "\n".join(["set -eu", *PAGE.blocks("sh")])],
        cwd=shop, env=environment, capture_output=True, text=True, timeout=270, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr + told.stdout
    for said in (
        "1 fault in 1 file that implement mends", "changed `till.py`: trailing white space in 1 line",
        "The project's check passed.", "1 file changed since ", "Nothing to object to.", "all good",
    ):  # fmt: skip
        assert said in told.stdout, f"{said}: {told.stdout}"
    assert (shop / "till.py").read_text(encoding="utf-8") == "total = 0  \n", "the checkout stays as it is"
    card = server.http.get("/cards/1").json()
    runs = server.http.get(f"/cards/{card['id']}/executions").json()["items"]
    assert {run["command"]: (run["status"], run["severity"]) for run in runs} == {
        "/plan": ("succeeded", "warning"),
        "/implement": ("succeeded", "success"),
        "/test": ("succeeded", "success"),
        "/review": ("succeeded", "success"),
    }
