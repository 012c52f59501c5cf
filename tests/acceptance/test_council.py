"""Councilors of real servers: no moment without a row, and none fired twice, whoever dies and however many fire."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from conselho import clock
from conselho.council.models import Councilor
from conselho.db.session import Database, Tx
from tests.acceptance.house import House, MakeHouse, Server
from tests.acceptance.waiting import until
from tests.agents.making import make_agent
from tests.council.making import every, make_councilor

DEAD_SECONDS = 35.0  # three moments of an interval of ten seconds
COUNCILORS = 200


def promote(server: Server, **schedule: Any) -> str:
    agent = {"slug": "reviewer", "argv": ["echo", "looked"], "cwd": "/"}
    assert server.http.post("/agents", json=agent).status_code == 201
    wish = {
        "title": "Quality",
        "task": {"name": "Look", "prompt": "look"},
        "schedule": {"type": "interval", "value": "10s"} | schedule,
    }
    answer = server.http.post("/agents/reviewer/promote", json=wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def slots(server: Server) -> list[dict[str, Any]]:
    """Those of the one councilor, the oldest moment first."""
    found: list[dict[str, Any]] = server.http.get("/councilors/reviewer/slots", params={"limit": 200}).json()["items"]
    return found[::-1]


def have(house: House, change: Callable[[Tx], None]) -> None:
    with closing(Database(house.url)) as database:
        database.submit(change).result()


def let_pass(house: House, seconds: float) -> None:
    """Have it be so much later for the schedule, while nobody serves."""

    def move(tx: Tx) -> None:
        by = timedelta(seconds=seconds)
        with tx.session as session:
            for each in session.query(Councilor):
                assert each.next_at is not None
                assert each.due_at is not None
                each.anchored_at -= by
                each.next_at -= by
                each.due_at -= by
            session.flush()

    have(house, move)


@pytest.mark.parametrize(
    ("catch_up", "states"),
    [
        ("none", ["missed", "missed", "missed"]),
        ("last", ["missed", "missed", "fired"]),
        ("all", ["fired", "fired", "fired"]),
    ],
)
def test_what_becomes_of_the_moments_at_which_the_server_was_dead(
    house: House, catch_up: str, states: list[str]
) -> None:
    server = house.serve()
    promote(server, catch_up=catch_up, start_window_seconds=1.0)
    server.kill()
    let_pass(house, DEAD_SECONDS)

    server = house.serve()
    found = until(lambda: slots(server) if len(slots(server)) >= 3 else [], "its moments to be decided on")

    assert [each["state"] for each in found[:3]] == states
    moments = [datetime.fromisoformat(each["moment"]) for each in found]
    assert [later - earlier for earlier, later in pairwise(moments)] == [timedelta(seconds=10)] * (len(moments) - 1)
    for each in found[:3]:
        assert each["is_caught_up"] == (each["state"] == "fired")
        if each["execution_id"] is not None:
            assert server.end_of(each["execution_id"])["status"] == "succeeded"


def test_a_run_goes_on_while_its_server_is_dead_and_the_next_moment_is_skipped_for_it(house: House) -> None:
    gate = house.gate()
    server = house.serve()
    agent = {"slug": "reviewer", "argv": ["sh", "-c", gate.wait + "echo looked"], "cwd": "/"}
    assert server.http.post("/agents", json=agent).status_code == 201
    wish = {
        "title": "Quality",
        "task": {"name": "Look", "prompt": "look"},
        "schedule": {"type": "interval", "value": "10s"},
    }
    server.http.post("/agents/reviewer/promote", json=wish)
    run = server.http.post("/councilors/reviewer/fire").json()["id"]
    server.await_state(run, "running")
    server.kill()
    let_pass(house, 12.0)

    server = house.serve()
    found = until(lambda: slots(server) if len(slots(server)) >= 2 else [], "its moment to be decided on")
    skipped = next(each for each in found if not each["is_manual"])
    assert (skipped["state"], skipped["reason"]) == ("skipped", f"its run {run} has not ended")
    gate.open(1)
    assert server.end_of(run)["status"] == "succeeded"


def test_three_servers_fire_two_hundred_moments_and_each_once(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    houses = [make_house(postgres_database_url) for _ in range(3)]
    first = clock.now() + timedelta(seconds=2)
    with closing(Database(postgres_database_url)) as database:
        agent = make_agent(database, "reviewer", cwd="/")
        made = [make_councilor(database, agent, schedule=every("1h")) for _ in range(COUNCILORS)]

    def spread(tx: Tx) -> None:
        for number, each in enumerate(made):
            moment = first + timedelta(milliseconds=10 * number)
            at = {"anchored_at": moment - timedelta(hours=1), "next_at": moment, "due_at": moment}
            tx.execute(update(Councilor).where(Councilor.id == each).values(at))

    have(houses[0], spread)
    servers = [house.serve("--no-worker") for house in houses]

    def all_fired() -> list[dict[str, Any]]:
        found = servers[0].all()
        return found if len(found) >= COUNCILORS else []

    runs = until(all_fired, f"{COUNCILORS} moments to be fired")

    assert {run["councilor_id"] for run in runs} == set(made)
    assert len(runs) == COUNCILORS
    for each in made[::20]:
        (slot,) = servers[1].http.get(f"/councilors/{each}/slots").json()["items"]
        assert slot["state"] == "fired"
    assert servers[2].http.get("/executions", params={"origin": "schedule", "limit": 200}).json()["next"] is None
