"""What is left of a run in the directory for temporary files, of each CLI: nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.nursery import Nursery
from tests.agent_clis import asking
from tests.agent_clis.cli_house import CliHouse

REFUSAL = {"status": 400, "message": "API key not valid.", "times": "always"}


@pytest.fixture
def short_house(island_nursery: Nursery, sqlite_database_url: str) -> Iterator[CliHouse]:
    """A house whose path is short, as that of few tests: sockets fit beneath it."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="h") as place,
        closing(CliHouse(Path(place), None, island_nursery)) as house,
    ):
        yield house


@pytest.mark.parametrize("provider", sorted(asking.ASKING))
def test_nothing_is_left_of_an_edit_and_of_a_refusal(short_house: CliHouse, provider: str) -> None:
    server, model = short_house.serve(), short_house.model([{"say": "Done"}, {"fail": REFUSAL}])
    asking.configured(short_house.home / ".codex" / "config.toml", asking.CODEX_CONFIG.format(url=model.url))
    before = left(short_house)
    for _ in range(2):
        edits = {"permission_mode": "edit"}
        server.end_of(asking.ASKING[provider](short_house, server, model, options=edits))
    assert left(short_house) == before


def left(house: CliHouse) -> set[Path]:
    """What lies where its runs find TMPDIR, and what Codex may leave in /tmp."""
    protected = {path for name in (".git", ".agents", ".codex") if (path := Path("/tmp") / name).exists()}
    return protected | set(house.scratch.iterdir())
