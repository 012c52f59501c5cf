"""Cards of real servers: a run outlives whoever served it, its work is kept once, and no two runs meet in one place."""

import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance import agents
from tests.acceptance.house import House, MakeHouse, Server
from tests.acceptance.waiting import until
from tests.projects.repositories import git, make_dirty, make_repository, standing

CARDS = 10
COMMANDS = 100
AT_ONCE = 25
NUMBERS = [str(number) for number in range(1, 201)]
# It says which card it works for in every file that it touches, and looks whether anybody else was there.
MARK = """
ls | grep -v -x -e notes.txt -e src | grep . && exit 3
grep -q two notes.txt || exit 4
echo "card $CONSELHO_CARD" > "of-$CONSELHO_CARD.txt"
echo "card $CONSELHO_CARD" >> notes.txt
"""


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's repository, in the middle of work. The house fills the test's own directory."""
    made = make_repository(tmp_path_factory.mktemp("user") / "shop")
    make_dirty(made)
    return made


def add(server: Server, shop: Path, script: str, cards: int = 1) -> list[str]:
    """A project, an agent that does as `script` says, and cards for it; returns their numbers."""
    for path, body in (
        ("/projects", {"path": str(shop)}),
        ("/agents", {"slug": "ana", "argv": agents.shell(script)}),
    ):
        answer = server.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
    return [str(made(server, f"Mend {number}")["number"]) for number in range(cards)]


def made(server: Server, title: str) -> dict[str, Any]:
    answer = server.http.post("/cards", json={"title": title})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def command(server: Server, card: str, word: str = "/implement", key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return server.http.post(f"/cards/{card}/commands", json={"command": word}, headers=headers)


def given(server: Server, card: str, word: str = "/implement") -> str:
    answer = command(server, card, word)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def shown(server: Server, card: str) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/cards/{card}").json()
    return found


def on_board(server: Server, card: str) -> dict[str, Any]:
    """The card as the board shows it."""
    columns = server.http.get("/board").json()["columns"]
    (found,) = [each for column in columns for each in column["cards"] if each["number"] == int(card)]
    return dict(found)


def settled(server: Server, card: str) -> dict[str, Any]:
    return until(lambda: found if (found := shown(server, card))["is_settled"] else {}, f"card {card} to be settled")


def kill_and_serve(house: House, server: Server) -> Server:
    server.kill()
    return house.serve()


def stop_and_serve(house: House, server: Server) -> Server:
    server.stop()
    return house.serve()


@pytest.mark.parametrize("end", [kill_and_serve, stop_and_serve], ids=["killed", "restarted"])
def test_the_board_shows_the_same_running_card_whoever_serves_it(
    house: House, shop: Path, end: Callable[[House, Server], Server]
) -> None:
    before = standing(shop)
    gate = house.gate()
    server = house.serve()
    script = agents.count(100) + gate.wait + agents.count(200, first=101) + "echo done > done.txt\n"
    (card,) = add(server, shop, script)
    run = given(server, card)
    server.await_line(run, "100")
    running = on_board(server, card)
    assert (running["column"], running["active_execution"]["id"]) == ("implement", run)
    assert on_board(server, card) == running, "as often as it is looked at"

    server = end(house, server)
    server.await_state(run, "running")
    again = on_board(server, card)
    assert again | {"active_execution": running["active_execution"], "latest_execution": None} == running | {
        "latest_execution": None
    }
    assert again["active_execution"] == again["latest_execution"]
    assert (again["active_execution"]["id"], again["active_execution"]["status"]) == (run, "running")
    assert command(server, card, "/test").status_code == 409
    gate.open()
    server.await_line(run, "200")
    assert server.end_of(run)["status"] == "succeeded"
    ended = settled(server, card)

    server = end(house, server)
    after = shown(server, card)
    assert after | {"as_of": ""} == ended | {"as_of": ""}
    assert (after["active_execution"], after["latest_execution"]["id"]) == (None, run)
    assert (after["last_line"]["text"], after["last_line"]["seq"]) == ("200", 200)
    assert after["changes"] == {"files": 1, "lines_added": 1, "lines_removed": 0}
    assert server.said(run) == NUMBERS
    assert [each["id"] for each in server.http.get(f"/cards/{card}/executions").json()["items"]] == [run]
    assert [each["path"] for each in server.http.get(f"/cards/{card}/diff").json()["files"]] == ["done.txt"]
    assert house.starts(run) == 1
    assert git(shop, "log", "--format=%s", f"main..{after['branch']}") == f"/implement {card}: Mend 0"
    assert standing(shop) == before


def test_a_run_that_ends_while_nobody_serves_is_settled_later(house: House, shop: Path) -> None:
    gate = house.gate()
    server = house.serve()
    (card,) = add(server, shop, gate.wait + "echo done > done.txt; echo said\n")
    run = given(server, card)
    server.await_state(run, "running")
    house.spawned(run)
    server.kill()
    gate.open()
    until((house.run_directory(run) / "exit.json").exists, "the run to end")

    server = house.serve()
    assert server.end_of(run)["status"] == "succeeded"
    after = settled(server, card)
    assert (after["last_line"]["text"], after["changes"]["files"]) == ("said", 1)
    assert git(shop, "rev-parse", after["branch"]) == after["commit"] != after["base"]


@pytest.mark.parametrize("point", ["work looked at", "work committed", "work kept before its commit", "work kept"])
def test_the_work_of_a_run_is_kept_once_wherever_its_server_dies(house: House, shop: Path, point: str) -> None:
    dying = house.serve_to_die(point)
    (card,) = add(dying, shop, "echo done > done.txt; echo said\n")
    with suppress(httpx.TransportError):
        command(dying, card, key="once")
    dying.await_death()

    server = house.serve()
    after = settled(server, card)
    run = command(server, card, key="once").json()["id"]
    assert (after["latest_execution"]["id"], after["latest_execution"]["status"]) == (run, "succeeded")
    assert (after["changes"]["files"], after["last_line"]["text"], after["note"]) == (1, "said", None)
    assert git(shop, "rev-parse", after["branch"]) == after["commit"]
    assert git(shop, "rev-list", "--count", f"main..{after['branch']}") == "1"
    assert house.starts(run) == 1
    assert server.end_of(given(server, card, "/test"))["card_id"] == after["id"]


@pytest.mark.parametrize("point", ["worktree made", "command before its commit", "command committed, not answered"])
def test_a_command_that_is_repeated_after_a_crash_is_one_run(house: House, shop: Path, point: str) -> None:
    dying = house.serve_to_die(point)
    (card,) = add(dying, shop, MARK)
    with pytest.raises(httpx.TransportError):
        command(dying, card, key="once")
    dying.await_death()

    server = house.serve()
    answer = command(server, card, key="once")
    assert answer.status_code == 202, answer.text
    run = answer.json()["id"]
    assert server.end_of(run)["status"] == "succeeded"
    after = settled(server, card)
    assert [each["id"] for each in server.all()] == [run]
    assert (house.starts(run), after["changes"]["files"]) == (1, 2)
    assert git(shop, "rev-list", "--count", f"main..{after['branch']}") == "1"


def test_ten_cards_at_once_work_in_ten_worktrees(house: House, shop: Path) -> None:
    before = standing(shop)
    house.settings |= {"seats": str(CARDS)}
    gate = house.gate()
    server = house.serve()
    cards = add(server, shop, MARK + gate.wait, CARDS)
    with ThreadPoolExecutor(CARDS) as threads:
        runs = list(threads.map(lambda card: given(server, card), cards))
    until(lambda: server.http.get("/server").json()["running"] == CARDS, "all of them to run at once")
    gate.open(CARDS)
    ended = [server.end_of(run) for run in runs]

    assert Counter(each["status"] for each in ended) == {"succeeded": CARDS}
    assert len({each["cwd"] for each in ended}) == CARDS
    for card in cards:
        found = settled(server, card)
        files = server.http.get(f"/cards/{card}/diff").json()["files"]
        assert [each["path"] for each in files] == ["notes.txt", f"of-{card}.txt"]
        assert git(shop, "show", f"{found['branch']}:notes.txt") == f"one\ntwo\nthree\ncard {card}"
        assert git(shop, "rev-list", "--count", f"main..{found['branch']}") == "1"
    assert standing(shop) == before


def race(servers: list[Server], card: str) -> list[httpx.Response]:
    """A hundred commands for one card, at the doors of all servers at once."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda turn: command(servers[turn % len(servers)], card), range(COMMANDS)))


def assert_one_was_heard(server: Server, card: str, answers: list[httpx.Response]) -> None:
    assert Counter(each.status_code for each in answers) == {202: 1, 409: COMMANDS - 1}
    (run,) = [each.json()["id"] for each in answers if each.status_code == 202]
    for each in answers:
        if each.status_code == 409:
            active = each.json()["card"]["active_execution"]  # none yet, where another's git was first
            assert active is None or active["id"] == run
    assert [each["id"] for each in server.all()] == [run]
    assert shown(server, card)["active_execution"]["id"] == run


def test_of_a_hundred_commands_for_one_card_one_is_heard(house: House, shop: Path) -> None:
    gate = house.gate()
    server = house.serve()
    (card,) = add(server, shop, gate.wait + MARK)
    assert_one_was_heard(server, card, race([server], card))
    gate.open()
    (run,) = [each["id"] for each in server.all()]
    assert server.end_of(run)["status"] == "succeeded"
    assert settled(server, card)["changes"]["files"] == 2
    assert house.starts(run) == 1


def test_of_a_hundred_commands_at_two_servers_one_is_heard(
    make_house: MakeHouse, postgres_database_url: str, shop: Path
) -> None:
    first, second = (make_house(postgres_database_url) for _ in range(2))
    second.adopt_scratch(first)
    gate = first.gate()
    servers = [first.serve(), second.serve()]
    (card,) = add(servers[0], shop, gate.wait + MARK)
    assert_one_was_heard(servers[0], card, race(servers, card))
    gate.open()
    (run,) = [each["id"] for each in servers[0].all()]
    assert servers[1].end_of(run)["status"] == "succeeded"
    found = settled(servers[1], card)
    assert found["changes"]["files"] == 2
    assert git(shop, "rev-list", "--count", f"main..{found['branch']}") == "1"
    listed = subprocess.run(
        ["git", "-C", shop, "worktree", "list", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout
    assert listed.count(f"branch refs/heads/{found['branch']}") == 1
