"""Houses on an island, and the CLIs that are driven there - or a skip that says what is missing."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.nursery import Nursery
from tests.acceptance.waiting import until
from tests.agent_clis import island
from tests.agent_clis.cli_house import PROGRAMS, CliHouse

CLIS = ("claude", "codex", "gemini", "opencode")


@pytest.fixture(scope="session")
def clis() -> None:
    """The CLIs are there, as their lock file pins them."""
    missing = [name for name in CLIS if not (PROGRAMS / name).exists()]
    if shutil.which("node") is None or missing:
        words = ", ".join(missing) or "node"
        pytest.skip(f"no {words}: install the Debian package `npm`, then say `npm install` in tests/agent_clis")


@pytest.fixture(scope="session")
def island_nursery(clis: None) -> Iterator[Nursery]:
    """Where servers are born that reach nothing but loopback."""
    reason = island.missing()
    if reason is not None:
        pytest.skip(reason)
    with closing(Nursery(island.shore())) as nursery:
        until(lambda: island.is_within(nursery.pid), "the namespace to be made")
        yield nursery


@pytest.fixture
def cli_house(island_nursery: Nursery, sqlite_database_url: str, tmp_path: Path) -> Iterator[CliHouse]:
    """A house on SQLite: which database it is, no CLI has a part in."""
    with closing(CliHouse(tmp_path, None, island_nursery)) as house:
        yield house
