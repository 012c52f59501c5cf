"""What if the database is away for longer than a lease?"""

from collections.abc import Iterator

import pytest

from conselho.db.session import Database
from conselho.events import log as events
from tests.acceptance import agents
from tests.acceptance.house import House, MakeHouse
from tests.acceptance.leases import await_lease_over
from tests.acceptance.waiting import until
from tests.db.proxy import Proxy

NUMBERS = [str(number) for number in range(1, 201)]


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    """The way to the database, which can be closed."""
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@pytest.fixture
def far_house(wire: Proxy, make_house: MakeHouse) -> House:
    """A house whose database is at the other end of the wire."""
    house = make_house(wire.url)
    house.settings |= {"lease_seconds": "2", "outage_seconds": "1"}
    return house


def test_runs_go_on_without_their_database_and_all_is_caught_up_when_it_is_back(
    wire: Proxy, far_house: House, postgres_database_url: str
) -> None:
    server = far_house.serve()
    gate, last_gate = far_house.gate(), far_house.gate()
    ending = server.submit(agents.count(100) + gate.wait + agents.count(200, first=101) + "exit 7\n")
    lasting = server.submit(agents.count(100) + gate.wait + agents.count(200, first=101) + last_gate.wait)
    for execution_id in (ending, lasting):
        server.await_line(execution_id, "100")

    wire.refuse()
    refused = server.post(agents.count(10), key="later")
    assert (refused.status_code, refused.json()["code"]) == (503, "database_gone")
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert server.http.get(f"/executions/{ending}").status_code == 503
    assert (server.status_of("/livez"), server.status_of("/readyz")) == (200, 503)
    gate.open(2)
    until((far_house.run_directory(ending) / "exit.json").exists, "the one to end")
    await_lease_over(postgres_database_url, ending)
    await_lease_over(postgres_database_url, lasting)

    wire.restore()
    until(lambda: server.status_of("/readyz") == 200, "the server to be ready")
    assert server.end_of(ending)["exit_code"] == 7
    later = server.submit(agents.count(10), key="later")
    assert server.end_of(later)["status"] == "succeeded"
    last_gate.open()
    assert server.end_of(lasting)["status"] == "succeeded"
    for execution_id in (ending, lasting):
        assert server.said(execution_id) == NUMBERS
        assert far_house.starts(execution_id) == 1
    assert not {"execution.unreachable", "execution.requeued"} & set(kinds(postgres_database_url))


def kinds(url: str) -> list[str]:
    """What the events tell of, in order."""
    database = Database(url)
    found = database.fetch(events.read_after, 0).result()
    database.close()
    return [event.kind for event in found]
