"""A run of each CLI on either database: what it came to is kept, and gone on with."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.nursery import Nursery
from tests.agent_clis import ferry
from tests.agent_clis.asking import ASKING
from tests.agent_clis.cli_house import CliHouse


@pytest.fixture
def postgres_house(island_nursery: Nursery, postgres_database_url: str, tmp_path: Path) -> Iterator[CliHouse]:
    """A house on PostgreSQL. All other tests of the CLIs are on SQLite."""
    with ferry.to(postgres_database_url) as url, closing(CliHouse(tmp_path, url, island_nursery)) as house:
        yield house


@pytest.mark.parametrize("provider", sorted(ASKING))
def test_a_conversation_is_kept_and_goes_on(postgres_house: CliHouse, provider: str) -> None:
    model = postgres_house.model([{"say": "I shall remember 7."}, {"say": "It was 7."}])
    server, ask = postgres_house.serve(), ASKING[provider]
    first = server.end_of(ask(postgres_house, server, model, "Remember 7"))
    assert (first["status"], first["severity"], first["result"]) == ("succeeded", "success", "I shall remember 7.")
    assert (first["input_tokens"], first["cached_tokens"]) == (130, 30)
    second = server.end_of(ask(postgres_house, server, model, "What was it?", continue_from=first["id"]))
    assert (second["status"], second["result"], second["session"]) == ("succeeded", "It was 7.", first["session"])
    assert second["input_tokens"] == 130, "of this run alone"
