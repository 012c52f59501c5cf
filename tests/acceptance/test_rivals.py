"""Two servers in two data directories on one database: who gets what, and is anything got twice?"""

from collections import Counter

from tests.acceptance.house import MakeHouse, Server
from tests.acceptance.waiting import until

SEATS = 4


def test_two_servers_race_for_a_hundred_runs_and_each_runs_once(
    make_house: MakeHouse, postgres_database_url: str
) -> None:
    first, second = (make_house(postgres_database_url) for _ in range(2))
    second.adopt_scratch(first)
    for house, name in ((first, "first"), (second, "second")):
        house.settings |= {"worker_name": name, "seats": str(SEATS)}
    servers = first.serve(), second.serve()
    gate = first.gate()
    asked = [servers[number % 2].submit(gate.wait + f"echo {number}\n") for number in range(100)]
    until(lambda: [running(server) for server in servers] == [SEATS, SEATS], "every seat of both to be taken")
    gate.open(100)

    ended = [servers[0].end_of(execution_id) for execution_id in asked]

    assert Counter(each["status"] for each in ended) == {"succeeded": 100}
    assert {each: first.starts(each) for each in asked} == dict.fromkeys(asked, 1)
    assert [servers[1].said(each) for each in asked] == [[str(number)] for number in range(100)]
    by_worker = Counter(each["worker"] for each in ended)
    assert by_worker.keys() == {"first", "second"}
    assert min(by_worker.values()) >= SEATS


def running(server: Server) -> int:
    return int(server.http.get("/server").json()["running"])
