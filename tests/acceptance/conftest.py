"""Houses for the tests: one on each database, and more on the same one where a test needs rivals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import House, MakeHouse
from tests.acceptance.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where the servers of all these tests are born."""
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture
def make_house(tmp_path: Path, nursery: Nursery) -> Iterator[MakeHouse]:
    """Make houses of which no process is left when the test is over."""
    made: list[House] = []

    def make(database_url: str | None, data_dir: Path | None = None) -> House:
        made.append(House(data_dir or tmp_path / f"data-{len(made)}", database_url, nursery))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def house(make_house: MakeHouse, database_url: str, tmp_path: Path) -> House:
    """A house on a fresh database, once of each kind. SQLite's lies in the data directory, as it does by default."""
    return make_house(None if database_url.startswith("sqlite") else database_url, tmp_path)


@pytest.fixture
def sqlite_house(make_house: MakeHouse, sqlite_database_url: str, tmp_path: Path) -> House:
    """A house on SQLite, for what no database has a part in."""
    return make_house(None, tmp_path)
