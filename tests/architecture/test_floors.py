"""The floors hold: a room imports only from those below it, and import-linter sees where one does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT

LINTER = Path(sys.executable).with_name("lint-imports")


def lint(source: Path) -> "subprocess.CompletedProcess[str]":
    """Check the package that lies in `source` against the contracts of this repository."""
    argv = [str(LINTER), "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    return subprocess.run(argv, cwd=source, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package, to be spoilt."""
    shutil.copytree(PACKAGE, tmp_path / "conselho", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_floors_hold() -> None:
    told = lint(PACKAGE.parent)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "2 kept, 0 broken" in told.stdout


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("db/tx.py", "from conselho.executions import queue"),
        ("executions/states.py", "from conselho.worker import shim"),
        ("clock.py", "from conselho import errors"),
        ("events/log.py", "from conselho.providers import registry"),
        ("supervisor.py", "from conselho.legacy import events"),
        ("worker/run.py", "def late() -> None:\n    from conselho.server import app"),
    ],
)
def test_an_import_from_above_or_beside_is_seen(copied: Path, path: str, line: str) -> None:
    place = copied / "conselho" / path
    place.write_text(place.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    told = lint(copied)
    assert told.returncode == 1
    room = path.removesuffix(".py").replace("/", ".")
    assert f"conselho.{room} -> " in told.stdout, told.stdout + told.stderr


def test_a_room_without_a_floor_is_seen(copied: Path) -> None:
    (copied / "conselho" / "attic.py").write_text("", encoding="utf-8")
    told = lint(copied)
    assert told.returncode == 1
    assert "attic" in told.stdout
