"""What the worker's tests share: settings, a gate, and shims and runs that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conselho.settings import Settings
from tests.acceptance import traces
from tests.worker.crew import Gate, make_settings
from tests.worker.shims import Shim


@pytest.fixture
def make_shim(tmp_path: Path) -> Iterator[Callable[..., Shim]]:
    """Make run directories for `argv` and whatever of the spec matters; the test starts them."""
    made: list[Shim] = []

    def make(*argv: str, **changes: object) -> Shim:
        made.append(Shim(tmp_path / f"run.{len(made)}", argv, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """A worker's settings, on either database."""
    return make_settings(tmp_path / "data", database_url)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A place where runs wait for the test."""
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test did, its runs are over when it is: they inherit its directory's name."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    traces.end(str(tmp_path))
