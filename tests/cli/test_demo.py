"""`conselho demo` over real repositories, through the real server."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from conselho.analyses import catalog
from conselho.cli import demo_card
from conselho.server import holder
from tests.cli.conftest import House, remaining
from tests.cli.programs import PROGRAM, environment
from tests.cli.test_attend import on_terminal
from tests.projects.repositories import standing

STREAMS = Path(__file__).parents[1] / "providers" / "streams"
TITLES = [analysis.title for analysis in catalog.ALL]


def git(repository: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def troubled(tmp_path: Path) -> Path:
    """A repository with a broken file and an old promise."""
    made = tmp_path / "repo"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / "broken.json").write_text("{", encoding="utf-8")
    (made / "debt.py").write_text("# TODO: pay it back\n", encoding="utf-8")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "begin")
    return made


def test_every_analysis_is_a_real_run_with_a_verdict(house: House, troubled: Path) -> None:
    told = house.call("demo", "--once", "--repo", str(troubled))
    assert (told.returncode, told.stderr) == (0, "")
    for title in TITLES:
        assert f"{title}: queued\n" in told.stdout
        assert f"{title}: succeeded after " in told.stdout
    assert "broken.json" in told.stdout
    assert "debt.py:1" in told.stdout
    assert holder.look(house.data_dir) is None


def test_a_card_goes_through_its_commands_and_the_checkout_stays_as_it_was(house: House, troubled: Path) -> None:
    (troubled / "debt.py").write_text("import os   \n# TODO: pay it back\n", encoding="utf-8")
    git(troubled, "commit", "-q", "-a", "-m", "owe")
    (troubled / "new.txt").write_text("not yet   \n", encoding="utf-8")
    (troubled / "broken.json").write_text("{ ", encoding="utf-8")
    before = standing(troubled)
    told = house.call("demo", "--once", "--repo", str(troubled))
    assert (told.returncode, told.stderr) == (0, "")
    assert standing(troubled) == before
    assert "The checkout is as it was.\n" in told.stdout
    assert "-import os   \n" in told.stdout
    branch = told.stdout.strip().splitlines()[-1].split()[-1]
    changed = subprocess.run(
        ["git", "-C", str(troubled), "diff", "--stat", f"main...{branch}"], capture_output=True, text=True, check=True
    )
    assert "debt.py" in changed.stdout
    assert "new.txt" not in changed.stdout


def test_where_nothing_is_to_be_mended_a_card_is_shown_on_a_repository_for_practice(
    house: House, troubled: Path
) -> None:
    for _ in range(2):
        found = json.loads(house.call("demo", "--once", "--json", "--repo", str(troubled)).stdout)
        assert [(card["project"], card["column"], card["checkout_untouched"]) for card in found["cards"]] == [
            ("repo", "done", True), ("practice", "done", True),
        ]  # fmt: skip
        assert found["cards"][0]["changes"]["files"] == 0
        assert found["cards"][1]["changes"]["files"] > 0


def test_what_it_says_to_type_works(house: House, troubled: Path) -> None:
    told = house.call("demo", "--once", "--repo", str(troubled), "--data-dir", str(house.data_dir))
    lines = told.stdout.partition("Look further:\n")[2].splitlines()
    typed = [line for line in lines if " --data-dir " in line]
    assert len(typed) == 4
    for line in typed:
        answer = subprocess.run(shlex.split(line), env=environment(), capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout


def test_as_json_it_is_the_finished_runs(house: House, troubled: Path) -> None:
    told = house.call("demo", "--once", "--json", "--repo", str(troubled))
    found = json.loads(told.stdout)
    assert found["repository"] == str(troubled)
    assert [execution["title"] for execution in found["executions"]] == TITLES
    assert {execution["status"] for execution in found["executions"]} == {"succeeded"}
    assert "error" in {execution["severity"] for execution in found["executions"]}
    assert [councilor["title"] for councilor in found["councilors"]] == TITLES
    for card in found["cards"]:
        assert [run["command"] for run in card["executions"]] == list(demo_card.COMMANDS)
    assert [execution["councilor_id"] for execution in found["executions"]] == [
        councilor["id"] for councilor in found["councilors"]
    ]


def test_once_more_it_is_the_same_council_that_finds_nothing_new(house: House, troubled: Path, tmp_path: Path) -> None:
    first = house.call("demo", "--once", "--repo", str(troubled)).stdout
    assert "Broken windows" in first
    assert re.search(r"  \d+, \d+ new  ", first)
    assert re.search(r"  (0|100)%  ", first)
    moved = tmp_path / "moved"
    troubled.rename(moved)
    again = house.call("demo", "--once", "--repo", str(moved))
    assert again.returncode == 0
    assert f"Analysing {moved}\n" in again.stdout
    assert " new  " not in again.stdout
    councilors = json.loads(house.call("councilors", "list", "--json").stdout)["items"]
    assert [councilor["stats"]["total"] for councilor in councilors] == [2] * len(TITLES)
    agents = json.loads(house.call("agents", "list", "--json").stdout)["items"]
    assert {agent["cwd"] for agent in agents} == {str(moved), None}  # the maintainer works where a card has it work
    assert all(agent["title"].startswith("Demo: ") for agent in agents)


def test_a_councilor_whose_agent_was_removed_is_seated_anew(house: House, troubled: Path) -> None:
    assert house.call("demo", "--once", "--repo", str(troubled)).returncode == 0
    assert house.call("councilors", "demote", "demo-hot-spots").returncode == 0
    assert house.call("agents", "remove", "demo-hot-spots").returncode == 0
    again = json.loads(house.call("demo", "--once", "--json", "--repo", str(troubled)).stdout)
    totals = {councilor["slug"]: councilor["stats"]["total"] for councilor in again["councilors"]}
    assert totals["demo-hot-spots"] == 1
    assert sorted(totals.values()) == [1, 2, 2, 2]


def test_the_data_lies_in_dot_demo_unless_said_otherwise(troubled: Path) -> None:
    subprocess.run(
        [*PROGRAM, "demo", "--once"],
        cwd=troubled,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert (troubled / ".demo" / "conselho.db").exists()


def test_it_leaves_a_server_until_it_is_interrupted_even_where_its_port_is_taken(house: House, troubled: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        house.start("demo", "--repo", str(troubled), CONSELHO_PORT=str(other.getsockname()[1])) as demo,
    ):
        assert demo.stderr is not None
        assert demo.stderr.readline() == "\n"
        assert "and http://127.0.0.1:" in demo.stderr.readline()
        held_by = holder.look(house.data_dir)
        assert held_by is not None
        assert (held_by.pid, held_by.kind) == (demo.pid, "serve")
        assert house.call("executions", "list", "--origin", "cli").stdout.count("succeeded") == len(TITLES)
        demo.send_signal(signal.SIGINT)
        remaining(demo)
    assert demo.returncode == 0
    assert holder.look(house.data_dir) is None


def test_a_run_that_goes_on_already_is_watched_and_none_begun_beside_it(
    house: House, troubled: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    slow = f"until test -e {shlex.quote(str(gate))}; do sleep 0.1; done"
    with house.serve():
        assert house.call("demo", "--repo", str(troubled)).returncode == 0
        assert house.call("agents", "set", "demo-hot-spots", "--", "sh", "-c", slow).returncode == 0
        identity = house.call("councilors", "fire", "demo-hot-spots").stdout.split()[-1]
        with house.start("demo", "--repo", str(troubled)) as demo:
            assert demo.stdout is not None
            while "Hot spots: " not in demo.stdout.readline():
                pass
            gate.touch()
            told, _ = remaining(demo)
        assert demo.returncode == 0
        assert "Hot spots: succeeded" in told
        asked = ("executions", "list", "--councilor", "demo-hot-spots", "--origin", "cli", "--json")
        runs = json.loads(house.call(*asked).stdout)["items"]
        assert (len(runs), runs[0]["id"]) == (2, identity)


def test_it_uses_the_server_that_is_there_and_leaves_it(house: House, troubled: Path) -> None:
    with house.serve() as server:
        assert house.call("demo", "--repo", str(troubled)).returncode == 0
        assert house.server_pid() == server.pid


def test_a_terminal_sees_the_analyses_move_and_then_a_table(house: House, troubled: Path) -> None:
    seen, code = on_terminal(
        "demo", "--once", "--repo", str(troubled), "--data-dir", str(house.data_dir), COLUMNS="120"
    )
    assert code == 0
    assert any(frame in seen for frame in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    assert "✗ error" in seen
    moving, _, table = seen.rpartition("analysis")
    for title in TITLES:
        assert title in moving, "whatever an analysis says, its name keeps its room"
        assert title in table


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("mkdir", "is no git repository"),
        ("nothing", "is no directory"),
        ("init", "has no commits yet"),
        ("file", "is no directory"),
    ],
)
def test_a_path_that_cannot_be_analysed_is_one_sentence_and_starts_nothing(
    house: House, tmp_path: Path, make: str, said: str
) -> None:
    path = tmp_path / "place"
    match make:
        case "mkdir" | "init":
            path.mkdir()
        case "file":
            path.touch()
    if make == "init":
        git(path, "init", "-q")
    told = house.call("demo", "--once", "--repo", str(path))
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1
    assert not house.data_dir.exists()


def test_an_interrupt_while_they_run_cancels_them(house: House, troubled: Path) -> None:
    with house.start("demo", "--once", "--repo", str(troubled), CONSELHO_SEATS="1") as demo:
        assert demo.stdout is not None
        while "queued" not in demo.stdout.readline():
            pass
        demo.send_signal(signal.SIGINT)
        _, told = remaining(demo)
    assert demo.returncode == 130
    assert "cancelled what was still running" in told


def install(place: Path, printed: Path) -> str:
    """A CLI that answers as one did that was recorded; returns the PATH on which it is."""
    place.mkdir()
    program = place / "gemini"
    told = f"case $1 in --version) echo 0.61.0;; *) cat >> {place}/prompt; cat {printed};; esac"
    program.write_text(f"#!/bin/sh\n{told}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"{place}:{os.environ['PATH']}"


def test_an_agent_cli_that_is_there_gets_a_councilor(house: House, troubled: Path, tmp_path: Path) -> None:
    path = install(tmp_path / "bin", STREAMS / "gemini-answer.jsonl")
    told = house.call(
        "demo", "--once", "--repo", str(troubled), "--agent", "gemini", PATH=path, GEMINI_API_KEY="x"
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    assert "First looks by gemini: succeeded after " in told.stdout
    assert "each fires again: every minute, and First looks by gemini every day." in told.stdout
    assert "three things" in (tmp_path / "bin/prompt").read_text(encoding="utf-8")
    agent = json.loads(house.call("agents", "show", "--json", "demo-gemini").stdout)
    assert (agent["provider"], agent["options"], agent["cwd"]) == ("gemini", None, str(troubled))


def test_an_agent_cli_that_is_not_there_or_not_signed_in_is_one_sentence(
    house: House, troubled: Path, tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path), "GEMINI_API_KEY": "", "GOOGLE_API_KEY": ""}
    asked = ("demo", "--once", "--repo", str(troubled), "--agent", "gemini")
    absent = house.call(*asked, PATH="/usr/bin:/bin", **home)
    path = install(tmp_path / "bin", STREAMS / "gemini-answer.jsonl")
    strange = house.call(*asked, PATH=path, **home)
    assert (absent.returncode, strange.returncode) == (1, 1)
    assert absent.stderr.startswith("conselho: gemini is not installed here: ")
    assert strange.stderr.startswith("conselho: gemini does not look signed in here: ")
    assert absent.stderr.count("\n") == strange.stderr.count("\n") == 1
    assert not house.data_dir.exists()
