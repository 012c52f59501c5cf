"""`conselho executions` with the real server, and without one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conselho.cli import executions
from conselho.db.engine import sqlite_url
from conselho.db.session import Database
from conselho.executions import models, retention
from tests.acceptance.waiting import until
from tests.cli.conftest import House

FINDING = {"title": "slow", "severity": "warning", "file": "a.py", "line": 3}
VERDICT = "VERDICT: " + json.dumps({"severity": "warning", "summary": "two things", "findings": [FINDING]})


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, str]]]:
    """A house with four runs; they are named by their titles."""
    house = House(tmp_path_factory.mktemp("lived_in") / "house")
    runs = {
        "good": ("sh", "-c", "echo out; echo err >&2; echo last"),
        "bad": ("sh", "-c", "exit 3"),
        "found": ("printf", "%s\\n", VERDICT),
    }
    for title, argv in runs.items():
        house.call("run", "--title", title, "--", *argv)
    told = house.call("run", "--detach", "--title", "stopped", "--timeout", "60", "--", "sleep", "300")
    house.call("executions", "cancel", told.stdout.split()[-1])
    house.call("executions", "log", "-f", told.stdout.split()[-1])
    page = json.loads(house.call("executions", "list", "--json").stdout)
    yield house, {execution["title"]: execution["id"] for execution in page["items"]}
    house.close()


@pytest.fixture
def house(lived_in: tuple[House, dict[str, str]]) -> House:
    return lived_in[0]


@pytest.fixture
def ids(lived_in: tuple[House, dict[str, str]]) -> dict[str, str]:
    return lived_in[1]


def rows(house: House, *arguments: str) -> list[list[str]]:
    told = house.call("executions", "list", *arguments)
    assert told.returncode == 0
    return [line.split("  ") for line in told.stdout.splitlines()[1:]]


def show(house: House, identity: str) -> dict[str, Any]:
    execution: dict[str, Any] = json.loads(house.call("executions", "show", "--json", identity).stdout)
    return execution


def test_the_filters_are_those_of_the_server() -> None:
    assert models.SEVERITIES == executions.SEVERITIES
    assert models.ORIGINS == executions.ORIGINS


def test_what_is_shown_of_a_run_is_what_the_server_tells_of_it(house: House, ids: dict[str, str]) -> None:
    assert set(executions._FIELDS) <= set(show(house, ids["good"]))


def test_the_newest_runs_come_first(house: House) -> None:
    assert [row[0] for row in rows(house, "--origin", "cli")] == sorted(
        (row[0] for row in rows(house, "--origin", "cli")), reverse=True
    )


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        (("--status", "failed", "--origin", "cli"), {"bad"}),
        (("--status", "cancelled"), {"stopped"}),
        (("--severity", "error", "--origin", "cli"), {"bad"}),
        (("--origin", "card"), set()),
        (("--until", "2020-01-01"), set()),
        (("--since", "1h", "--status", "failed", "--origin", "cli"), {"bad"}),
        (("--agent", "reviewer"), set()),
    ],
)
def test_lists_show_what_was_asked_for(
    house: House, ids: dict[str, str], arguments: tuple[str, ...], titles: set[str]
) -> None:
    assert {row[0] for row in rows(house, *arguments)} == {ids[title] for title in titles}


def test_pages_follow_each_other(house: House, ids: dict[str, str]) -> None:
    first = json.loads(house.call("executions", "list", "--limit", "3", "--origin", "cli", "--json").stdout)
    rest = json.loads(house.call("executions", "list", "--origin", "cli", "--after", first["next"], "--json").stdout)
    found = [execution["id"] for execution in first["items"] + rest["items"]]
    assert found == sorted(set(found), reverse=True)
    assert set(ids.values()) <= set(found)
    assert rest["next"] is None


def test_the_cursor_of_the_next_page_is_said_beside_the_list(house: House) -> None:
    told = house.call("executions", "list", "--limit", "1")
    assert told.stderr.startswith("more: add --after ")
    cursor = told.stderr.split()[-1]
    assert house.call("executions", "list", "--after", cursor).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--status", "ready"), "'ready' is not one of 'queued'"),
        (("list", "--severity", "fatal"), "'fatal' is not one of"),
        (("list", "--after", "nonsense"), "cursor"),
        (("list", "--limit", "201"), "'201' is no whole number from 1 to 200"),
        (("show", "zzzzzzzz"), "'zzzzzzzz' is no id"),
        (("show", "abc"), "at least the last 4 characters"),
        (("log", "ffff0000", "--after", "-1"), "'-1' is no whole number"),
    ],
)
def test_what_is_no_filter_cursor_or_id_is_one_sentence_and_exit_2(
    house: House, arguments: tuple[str, ...], said: str
) -> None:
    told = house.call("executions", *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["show", "log", "cancel", "retry"])
@pytest.mark.parametrize("identity", ["01a1feb1-747b-70b1-9812-000000000000", "00000000-0000"])
def test_a_run_that_is_not_there_is_one_sentence_and_exit_1(house: House, command: str, identity: str) -> None:
    told = house.call("executions", command, identity)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.count("\n") == 1


def test_the_end_of_an_id_names_a_run(house: House, ids: dict[str, str]) -> None:
    assert show(house, ids["bad"][-8:])["id"] == ids["bad"]
    assert show(house, ids["bad"].upper())["id"] == ids["bad"]


def test_show_tells_how_it_ended_and_what_was_found(house: House, ids: dict[str, str]) -> None:
    told = house.call("executions", "show", ids["found"]).stdout
    assert f"id                    {ids['found']}\n" in told
    assert "severity              warning\n" in told
    assert "summary               two things\n" in told
    assert "exit_code             0\n" in told
    assert "decided by            verdict line, line 1: VERDICT: " in told
    assert "finding               warning  a.py:3  slow\n" in told


def test_a_log_is_all_its_lines_on_stdout(house: House, ids: dict[str, str]) -> None:
    told = house.call("executions", "log", ids["good"])
    assert sorted(told.stdout.splitlines()) == ["err", "last", "out"]
    assert told.stderr == ""


def test_a_log_can_be_had_by_kind_and_from_a_line_on(house: House, ids: dict[str, str]) -> None:
    assert house.call("executions", "log", ids["good"], "--kind", "stderr").stdout == "err\n"
    assert house.call("executions", "log", ids["good"], "--after", "2").stdout.count("\n") == 1
    assert house.call("executions", "log", "-f", ids["good"], "--after", "3").stdout == ""


def test_a_log_as_json_has_numbers_without_gaps(house: House, ids: dict[str, str]) -> None:
    lines = [json.loads(line) for line in house.call("executions", "log", "--json", ids["good"]).stdout.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert {line["kind"] for line in lines} == {"stdout", "stderr"}


def test_cancel_of_a_finished_run_says_what_it_is(house: House, ids: dict[str, str]) -> None:
    told = house.call("executions", "cancel", ids["bad"])
    assert told.returncode == 1
    assert "failed" in told.stderr


def test_a_cancelled_run_says_so(house: House, ids: dict[str, str]) -> None:
    stopped = show(house, ids["stopped"])
    assert (stopped["status"], stopped["reason"]) == ("cancelled", "cancelled")


def test_retry_is_a_new_run_of_the_same(house: House, ids: dict[str, str]) -> None:
    told = house.call("executions", "retry", ids["bad"])
    assert told.returncode == 0
    again = show(house, told.stdout.split()[-1])
    assert again["id"] != ids["bad"]
    assert (again["retry_of"], again["attempt"], again["argv"]) == (ids["bad"], 2, ["sh", "-c", "exit 3"])


def test_retry_can_be_followed_as_a_run(house: House, ids: dict[str, str]) -> None:
    assert house.call("executions", "retry", "--follow", ids["bad"]).returncode == 3


def test_a_long_log_is_whole_over_many_pages(house: House) -> None:
    identity = house.call("run", "--json", "--", "seq", "1000").stdout.splitlines()[-1]
    told = house.call("executions", "log", json.loads(identity)["id"])
    assert told.stdout.split() == [str(number) for number in range(1, 1001)]


class TestWithoutServer:
    """Looking works when nobody serves, and starts nobody."""

    @pytest.fixture(scope="class")
    @staticmethod
    def quiet(tmp_path_factory: pytest.TempPathFactory) -> House:
        house = House(tmp_path_factory.mktemp("quiet") / "house")
        house.call("run", "--title", "past", "--", "seq", "300")
        house.close()
        return house

    def test_list_show_and_log_read_the_database(self, quiet: House) -> None:
        identity = quiet.newest()
        assert quiet.call("executions", "show", identity[-8:]).stdout.startswith(f"id                    {identity}\n")
        assert len(quiet.call("executions", "log", "-f", identity).stdout.splitlines()) == 300
        assert not (quiet.data_dir / "conselho.sock").exists()

    def test_what_is_no_cursor_is_refused_as_well(self, quiet: House) -> None:
        told = quiet.call("executions", "list", "--after", "nonsense")
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.count("\n") == 1


def test_an_empty_list_says_how_to_begin_and_makes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = House(tmp_path_factory.mktemp("empty") / "house")
    told = house.call("executions", "list")
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr == "no runs yet: try `conselho run -- make test`\n"
    assert json.loads(house.call("executions", "list", "--json").stdout)["items"] == []
    assert not house.data_dir.exists()


def test_a_filter_that_finds_nothing_says_so(house: House) -> None:
    assert house.call("executions", "list", "--until", "2020-01-01").stderr == "no run is like that\n"


def test_a_list_may_be_asked_for_by_words(house: House, ids: dict[str, str]) -> None:
    """What `found` printed became its result; it is indexed some moments after its end."""

    def listed(*query: str) -> list[str]:
        told = house.call("executions", "list", "--json", *query)
        assert told.returncode == 0, told.stderr
        return [execution["id"] for execution in json.loads(told.stdout)["items"]]

    until(lambda: listed("--query", "two thin*"), "the index")
    assert ids["found"] in listed("--query", "two thin*")
    assert listed("--query", "two thin*", "--status", "failed") == []
    assert listed("--query", '"things two"') == []
    assert house.call("executions", "list", "--query", "x" * 301).returncode == 2


def test_a_log_that_was_removed_is_told_of(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = House(tmp_path_factory.mktemp("old") / "house")
    house.call("run", "--", "seq", "3")
    house.close()
    database = Database(sqlite_url(house.data_dir / "conselho.db"))
    while database.submit(retention.purge_next, timedelta(minutes=-1)).result():
        pass
    database.close()

    identity = house.newest()
    purged = show(house, identity)["log_purged_at"]
    sentence = f"its log of 3 lines was removed for its age ({purged})"
    assert sentence in house.call("executions", "show", identity).stdout
    for asked in (("log",), ("log", "-f"), ("log", "--json")):
        told = house.call("executions", *asked, identity)
        assert (told.returncode, told.stdout, told.stderr) == (0, "", f"{sentence}\n")
    with house.serve():
        told = house.call("executions", "log", "-f", identity)
        assert (told.returncode, told.stdout, told.stderr) == (0, "", f"{sentence}\n")
