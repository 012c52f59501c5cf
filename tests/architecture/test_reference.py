"""Are the pages that the program writes about itself those that are kept? On whatever machine they are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conselho.settings import Settings
from tests.architecture.source import ROOT

REFERENCE = ROOT / "docs" / "reference"
MADE = ("commands.md", "openapi.json", "settings.md")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script writes for somebody else: in another place, home, language and width, with settings of theirs."""
    directory = tmp_path_factory.mktemp("reference")
    theirs = {
        "HOME": str(directory), "XDG_DATA_HOME": str(directory), "COLUMNS": "40", "LC_ALL": "C", "TZ": "Asia/Tokyo",
        "CONSELHO_SEATS": "9", "CONSELHO_DATA_DIR": str(directory), "PYTHONWARNINGS": "error",
    }  # fmt: skip
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), str(directory)]
    subprocess.run(command, check=True, cwd=directory, env=os.environ | theirs)
    return directory


def test_those_are_all(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == list(MADE)


@pytest.mark.parametrize("name", MADE)
def test_a_page_that_is_made_is_kept_as_it_is_made(written: Path, name: str) -> None:
    made, kept = ((place / name).read_text(encoding="utf-8") for place in (written, REFERENCE))
    assert made == kept, "run `make reference`"


def test_every_setting_has_its_section() -> None:
    lines = (REFERENCE / "settings.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")] == [f"## `{name}`" for name in Settings.model_fields]
