"""A PostgreSQL fails, and a replica takes its place that had not heard everything, under a server that goes on."""

from collections.abc import Iterator

import pytest

from tests.acceptance.clusters import Cluster
from tests.acceptance.house import MakeHouse
from tests.acceptance.pages import Page, loaded
from tests.acceptance.waiting import until
from tests.databases import Postgres
from tests.db.proxy import Proxy


@pytest.fixture
def clusters(postgres: Postgres) -> Iterator[list[Cluster]]:
    """Where those that a test makes are ended with it. There is a PostgreSQL, so its programs are there."""
    made = [Cluster()]
    yield made
    for each in made:
        each.end()


def test_who_watches_loads_anew_and_shows_what_the_replica_knows(
    clusters: list[Cluster], make_house: MakeHouse
) -> None:
    primary = clusters[0]
    with Proxy(primary.url) as wire:
        house = make_house(wire.url)
        server = house.serve()
        hasty, patient = Page(server), Page(server)
        known = server.submit("true")
        patient.follow(server, known)
        clusters.append(replica := Cluster(primary))
        unknown = server.submit("true")
        for page in (hasty, patient):
            page.follow(server, unknown)
        before = patient.as_of

        wire.refuse()
        primary.end()
        replica.promote()
        wire.lead_to(replica.url)
        wire.restore()
        until(lambda: server.status_of("/readyz") == 200, "the server to be ready")
        at_once = server.submit("true")  # under numbers of events that have been given before
        hasty.follow(server, at_once)  # perhaps before the server knows that its database has moved
        until(lambda: epoch_of(Page(server).as_of) != epoch_of(before), "another epoch")
        later = server.submit("true")
        for page in (hasty, patient):
            page.follow(server, later)
            assert page.resets
            assert page.shown == loaded(server) == dict.fromkeys((known, at_once, later), "succeeded")
        assert patient.resets == ["epoch"]
        assert server.http.get("/events", params={"after": before}).status_code == 410
        server.stop()

        server = house.serve()
        last = server.submit("true")
        patient.follow(server, last)
        assert patient.resets == ["epoch"], "it has not moved again"
        assert patient.shown == loaded(server)


def epoch_of(place: str) -> str:
    return place.rpartition("-")[0]
