"""`conselho councilors`, with the real server and without one."""

import contextlib
import getpass
import json
import sqlite3
from typing import Any

import pytest

from conselho.cli import councilor_changes, councilor_fields, councilor_reports
from conselho.council import models, templates
from conselho.executions import models as executions
from conselho.executions.severity import Severity
from tests.cli.conftest import House
from tests.cli.programs import conselho
from tests.cli.test_attend import on_terminal

HINT = "it fires while a server runs: conselho serve\n"
WHOLE = (
    "--title", "Quality", "--task", "Large files", "--prompt", "Which files are too large?", "--cron", "0 9 * * 1",
    "--zone", "America/Sao_Paulo", "--overlap", "queue", "--catch-up", "all", "--catch-up-max", "3",
    "--start-window", "30", "--jitter", "5s", "--format", "checklist", "--context-file", "README.md",
    "--display-name", "Ana", "--avatar", "/ana.png", "--color", "#102030", "--notify-on", "success",
    "--notify-on", "error", "--channel", "toast", "--channel", "email", "--rule", "error=^FAILED",
)  # fmt: skip
KEPT: dict[str, Any] = {
    "title": "Quality", "display_name": "Ana", "avatar_url": "/ana.png", "color": "#102030",
    "task": {
        "name": "Large files", "prompt": "Which files are too large?", "context_files": ["README.md"],
        "output_format": "checklist",
    },
    "schedule": {
        "type": "cron", "value": "0 9 * * 1", "timezone": "America/Sao_Paulo",
        "words": "Mondays at 09:00 (America/Sao_Paulo)", "overlap": "queue", "catch_up": "all", "catch_up_max": 3,
        "start_window_seconds": 30.0, "jitter_seconds": 5.0,
    },
    "notifications": {"on_success": True, "on_warning": False, "on_error": True, "channels": ["toast", "email"]},
    "severity_rules": [{"pattern": "^FAILED", "severity": "error", "summary": None}],
}  # fmt: skip


def promote(house: House, name: str, *arguments: str, script: str = "true") -> dict[str, Any]:
    """An agent of that name, and a councilor; every hour unless said otherwise."""
    assert house.call("agents", "add", name, "--title", f"My {name}", "--", "sh", "-c", script).returncode == 0
    asked = arguments or ("--every", "1h", "--prompt", "Look around you, and say what is there.")
    told = house.call("councilors", "promote", name, "--json", *asked)
    assert (told.returncode, told.stderr) == (0, HINT)
    councilor: dict[str, Any] = json.loads(told.stdout)
    return councilor


def shown(house: House, name: str) -> dict[str, Any]:
    councilor: dict[str, Any] = json.loads(house.call("councilors", "show", "--json", name).stdout)
    return councilor


def test_the_words_are_those_of_the_server() -> None:
    assert councilor_fields.OVERLAPS == models.OVERLAPS
    assert councilor_fields.CATCH_UPS == models.CATCH_UPS
    assert councilor_fields.FORMATS == models.OUTPUT_FORMATS
    assert councilor_fields.TEMPLATES == templates.NAMES
    assert councilor_fields.LANGUAGES == templates.LANGUAGES
    assert set(councilor_fields.SEVERITIES) == set(Severity)
    assert set(councilor_reports.STATES) == set(executions.FINDING_STATES)


@pytest.mark.parametrize("word", councilor_fields.CLEARABLE)
def test_every_clearable_word_is_an_option(word: str) -> None:
    assert any(f"--{word}" in parameter.opts for parameter in councilor_changes.set_.params)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Run the tests.", "Run the tests"),
        ("one two\tthree\nfour five six seven", "one two three four five six"),
        ("x" * 100, "x" * 60),
        (".", "Task"),
    ],
)
def test_a_task_is_called_by_the_first_words_of_its_prompt(prompt: str, name: str) -> None:
    assert councilor_fields.task_name(prompt) == name


def test_a_councilor_is_kept_as_it_was_promoted(shared_house: House) -> None:
    found = promote(shared_house, "whole", *WHOLE, "--name", "quality")
    assert found | KEPT | {"slug": "quality", "agent": "whole"} == found

    told = shared_house.call("councilors", "show", found["id"]).stdout
    for line in (
        "schedule      Mondays at 09:00 (America/Sao_Paulo) (cron 0 9 * * 1, America/Sao_Paulo)\n",
        "catch up      all, 3\n", "tells of      success error (toast email)\n", "rule          error=^FAILED\n",
    ):  # fmt: skip
        assert line in told


def test_what_is_not_said_comes_from_the_agent_and_the_prompt(shared_house: House) -> None:
    found = promote(shared_house, "plain")
    assert (found["slug"], found["title"]) == ("plain", "My plain")
    assert found["task"]["name"] == "Look around you, and say what"
    told = shared_house.call("councilors", "promote", "plain", "--every", "10m", "--prompt", "Again.")
    assert (told.returncode, told.stderr) == (0, HINT)
    assert told.stdout.startswith("promoted plain-again: every 10 minutes, next ")


def test_what_an_agent_is_for_is_its_task_where_no_other_is_given(shared_house: House) -> None:
    shared_house.call("agents", "add", "described", "--description", "Counts the files.", "--", "true")
    told = shared_house.call("councilors", "promote", "described", "--every", "1d", "--json")
    assert json.loads(told.stdout)["task"]["prompt"] == "Counts the files."


def test_a_template_brings_its_task_and_its_schedule(shared_house: House) -> None:
    found = promote(shared_house, "ready", "--template", "inline-css", "--language", "pt", "--zone", "Europe/Lisbon")
    template = templates.one("inline-css", "pt")
    assert (found["title"], found["task"]["prompt"]) == (template.title, template.prompt)
    timing = found["schedule"]
    assert (timing["type"], timing["value"], timing["timezone"]) == ("cron", "0 9 * * 3", "Europe/Lisbon")


def test_a_prompt_can_come_on_stdin(shared_house: House) -> None:
    shared_house.call("agents", "add", "stdin", "--", "true")
    place = str(shared_house.data_dir)
    told = conselho(
        "councilors", "promote", "stdin", "--every", "1h", "--prompt", "-", "--json", "--data-dir", place,
        stdin="some words",
    )  # fmt: skip
    assert json.loads(told.stdout)["task"]["prompt"] == "some words"
    assert told.stderr == f"it fires while a server runs: conselho serve --data-dir {place}\n"


def test_a_change_changes_what_is_given_and_clears_what_is_named(shared_house: House) -> None:
    before = promote(shared_house, "changed", *WHOLE)
    told = shared_house.call(
        "councilors", "set", "changed", "--every", "2h", "--title", "Other", "--notify-on", "none",
        "--clear", "rule", "--clear", "jitter", "--clear", "context-file", "--clear", "channel", "--clear", "color",
    )  # fmt: skip
    assert told.returncode == 0
    assert told.stdout.startswith("changed changed: every 2 hours, next ")
    found = shown(shared_house, "changed")
    assert found["schedule"] == before["schedule"] | {
        "type": "interval", "value": "2h", "words": "every 2 hours", "jitter_seconds": 0.0,
    }  # fmt: skip
    assert found["task"] == before["task"] | {"context_files": []}
    silent = {f"on_{word}": False for word in councilor_fields.SEVERITIES}
    assert found["notifications"] == silent | {"channels": ["panel"]}
    assert (found["title"], found["color"], found["severity_rules"], found["version"]) == ("Other", None, [], 2)


def test_a_list_tells_when_and_how_and_pages_follow_each_other(house: House) -> None:
    told = house.call("councilors", "list")
    assert (told.stdout, told.returncode) == ("", 0)
    assert told.stderr.startswith("no councilors yet: try `conselho councilors promote AGENT --every 1h")
    assert not house.data_dir.exists()
    for name in ("one", "two", "three"):
        promote(house, name)
    house.call("councilors", "pause", "two")
    first = house.call("councilors", "list", "--limit", "2")
    rows = [line.split() for line in first.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == ["one", "two"]
    assert "paused" in rows[1]
    rest = house.call("councilors", "list", "--after", first.stderr.split()[-1])
    assert [line.split()[0] for line in rest.stdout.splitlines()[1:]] == ["three"]
    assert house.call("councilors", "list", "--active").stdout.count("\n") == 3
    assert house.call("councilors", "list", "--agent", "two", "--active").stderr == "no councilor is like that\n"
    house.close()
    assert house.call("councilors", "list", "--paused").stdout.count("\n") == 2
    assert house.call("councilors", "report", "one").returncode == 0
    assert not (house.data_dir / "conselho.sock").exists()


def test_a_councilor_is_fired_by_hand_and_its_runs_are_its_own(shared_house: House) -> None:
    promote(shared_house, "fired", script="echo was here; exit 3")
    told = shared_house.call("councilors", "fire", "--follow", "fired")
    assert (told.returncode, told.stdout) == (3, "was here\n")
    started = shared_house.call("councilors", "fire", "fired").stdout
    identity = started.removeprefix("started ").strip()
    assert shared_house.call("executions", "log", "-f", identity).stdout == "was here\n"
    for name in ("fired", shown(shared_house, "fired")["id"]):
        listed = json.loads(shared_house.call("executions", "list", "--councilor", name, "--json").stdout)["items"]
        assert [run["origin"] for run in listed] == ["cli", "cli"]
        assert listed[0]["id"] == identity
    rows = shared_house.call("councilors", "slots", "fired").stdout.splitlines()[1:]
    assert [row.split()[1:4] for row in rows] == [["fired", "by", "hand"]] * 2
    assert rows[0].split()[-1] == identity


def test_a_report_tells_runs_numbers_and_what_became_of_findings(shared_house: House) -> None:
    verdict = {"severity": "warning", "summary": "a file grows", "findings": [{"title": "too long", "file": "a.py"}]}
    promote(shared_house, "reported", script=f"echo 'VERDICT: {json.dumps(verdict)}'")
    empty = shared_house.call("councilors", "report", "reported")
    assert empty.stderr == "no runs yet: try `conselho councilors fire reported`\n"
    assert empty.stdout.startswith("My reported (reported): Look around you, and say what\nevery hour, next ")
    assert shared_house.call("councilors", "findings", "reported").stderr == "its runs have found nothing\n"
    told = ""
    for change in ("new", "remaining"):
        shared_house.call("councilors", "fire", "-f", "reported")
        told = shared_house.call("councilors", "report", "reported").stdout
        assert f"findings: 1 {change}\n" in told
        assert "a file grows" in told
    assert "runs 2, success 0%, warnings 2, " in told
    assert "2 in a row: warning\n" in told
    assert len(json.loads(shared_house.call("councilors", "report", "reported", "--json").stdout)["executions"]) == 2

    (line,) = shared_house.call("councilors", "findings", "reported").stdout.splitlines()[1:]
    assert line.split()[1:-1] == ["open", "warning", "a.py", "too", "long", "2"]
    told = shared_house.call("councilors", "acknowledge", "reported", line.split()[0][-8:]).stdout
    assert told == "acknowledged too long\n"
    listed = shared_house.call("councilors", "findings", "reported", "--state", "acknowledged", "--json").stdout
    (known,) = json.loads(listed)["items"]
    assert known["acknowledged_by"] == getpass.getuser()


def test_a_paused_councilor_rests_until_it_is_resumed(shared_house: House) -> None:
    promote(shared_house, "resting")
    assert shared_house.call("councilors", "pause", "resting").stdout == "paused resting\n"
    found = shown(shared_house, "resting")
    assert (found["paused_by"], found["next_at"]) == (getpass.getuser(), None)
    told = shared_house.call("councilors", "resume", "resting")
    assert told.stdout.startswith("resumed resting: every hour, next ")
    assert told.stderr == HINT


def test_a_demoted_councilor_leaves_its_agent_and_its_runs(shared_house: House) -> None:
    identity = promote(shared_house, "leaving")["id"]
    shared_house.call("councilors", "fire", "-f", "leaving")
    assert shared_house.call("councilors", "demote", "leaving").stdout == "demoted leaving\n"
    assert shared_house.call("councilors", "demote", "leaving").returncode == 1
    assert shared_house.call("agents", "show", "leaving").returncode == 0
    listed = json.loads(shared_house.call("executions", "list", "--councilor", identity, "--json").stdout)["items"]
    assert [run["status"] for run in listed] == ["succeeded"]


def test_where_a_server_stays_nobody_is_told_to_start_one(house: House) -> None:
    with house.serve():
        assert house.call("agents", "add", "served", "--", "true").returncode == 0
        told = house.call("councilors", "promote", "served", "--every", "10s", "--prompt", "x")
        assert (told.returncode, told.stderr) == (0, "")


def test_what_is_kept_of_runs_is_compared_with_them_and_set_right(house: House) -> None:
    assert house.run("true").returncode == 0
    told = house.call("councilors", "recount")
    assert (told.returncode, told.stdout) == (0, "what is kept is what the runs say\n")
    house.close()
    with contextlib.closing(sqlite3.connect(house.data_dir / "conselho.db")) as database, database:
        database.execute("UPDATE execution_counters SET value = 7 WHERE scope = 'all' AND name = 'severity_success'")
    told = house.call("councilors", "recount")
    assert told.returncode == 1
    assert [line.split() for line in told.stdout.splitlines()[1:]] == [["all", "severity_success", "-", "7.0", "1.0"]]
    assert told.stderr == "1 number differs: set it right with `conselho councilors recount --repair`\n"
    assert json.loads(house.call("councilors", "recount", "--repair", "--json").stdout)["repaired"] is True
    assert house.call("councilors", "recount").returncode == 0


def test_a_schedule_is_told_in_words_and_moments_without_a_server(house: House) -> None:
    told = house.call("councilors", "preview", "--cron", "0 9 * * 1", "--zone", "America/Sao_Paulo")
    words, *moments = told.stdout.splitlines()
    assert (told.returncode, words, len(moments)) == (0, "Mondays at 09:00 (America/Sao_Paulo)", 5)
    assert all(moment.endswith("T09:00:00-03:00") for moment in moments)
    assert json.loads(house.call("councilors", "preview", "--every", "90s", "--json").stdout)["timezone"] == "UTC"
    assert house.call("councilors", "templates", "--language", "pt").stdout.count("\n") == 6
    assert len(json.loads(house.call("councilors", "templates", "--json").stdout)["items"]) == 5
    assert not house.data_dir.exists()


def test_a_terminal_sees_signs_and_short_ids(shared_house: House) -> None:
    promote(shared_house, "seen", script="exit 1")
    shared_house.call("councilors", "fire", "-f", "seen")
    place = ("--data-dir", str(shared_house.data_dir))
    seen, code = on_terminal("councilors", "list", *place, COLUMNS="160")
    assert code == 0
    assert "✗ error" in seen
    seen, code = on_terminal("councilors", "report", "seen", *place, COLUMNS="160")
    assert code == 0
    assert shown(shared_house, "seen")["last"]["execution_id"][-8:] in seen


WHEN = ("--every", "1h", "--prompt", "x")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "nobody"), 1, "there is no councilor 'nobody': see those there are with `conselho councilors list`"),
        (("show", "../agents"), 1, "there is no councilor '../agents'"),
        (("pause", ""), 1, "there is no councilor ''"),
        (("fire", "nobody"), 1, "there is no councilor 'nobody'"),
        (("acknowledge", "nobody", "abc"), 2, "at least the last 4 characters"),
        (("acknowledge", "nobody", "abcd"), 1, "there is no councilor 'nobody'"),
        (("promote", "nobody", *WHEN), 2, "there is no agent 'nobody'"),
        (("promote", "x"), 2, "say when it is to fire: conselho councilors promote x --every 1h"),
        (("promote", "x", "--every", "1h", "--cron", "* * * * *"), 2, "--every and --cron say different things"),
        (("promote", "x", "--every", ""), 2, "--every: '' is no interval"),
        (("promote", "x", "--every", "9s"), 2, "--every: 9s does not lie between 10s and 366d"),
        (("promote", "x", "--cron", "0 9 * *"), 2, "--cron: a cron schedule has five fields"),
        (("promote", "x", "--at", "tomorrow"), 2, "--at: 'tomorrow' is no moment"),
        (("promote", "x", "--every", "1h", "--zone", "Mars/Base"), 2, "--zone: 'Mars/Base' is no time zone"),
        (("promote", "x", *WHEN, "--name", "a b"), 2, "invalid value for '--name': 'a b' is none"),
        (("promote", "x", *WHEN, "--jitter", "2h"), 2, "'--jitter': 2h is outside 0 seconds to 1 hour"),
        (("promote", "x", *WHEN, "--rule", "bad=x"), 2, "--rule 'bad=x': write SEVERITY=PATTERN"),
        (("promote", "x", *WHEN, "--rule", "error=("), 2, "--rule[0].pattern: RE2 refuses ("),
        (("promote", "x", *WHEN, "--color", "no color"), 2, "--color is none: write #rrggbb"),
        (("promote", "x", *WHEN, "--avatar", "ana"), 2, "--avatar is no address of a picture"),
        (("promote", "x", *WHEN, "--notify-on", "none", "--notify-on", "error"), 2, "--notify-on none goes with no"),
        (("promote", "x", *WHEN, "--template", "nope"), 2, "'nope' is not one of 'monolithic-files'"),
        (("promote", "x", "--every", "1h", "--prompt", ""), 2, "--prompt is empty"),
        (("promote", "x", "--every", "1h", "--prompt", "x" * 10_001), 2, "--prompt is longer than 10,000 characters"),
        (("set", "x"), 2, "say what to change"),
        (("set", "x", "--title", ""), 2, "--title is missing"),
        (("set", "x", "--jitter", "1", "--clear", "jitter"), 2, "--jitter and --clear jitter say different things"),
        (("set", "nobody", "--title", "x"), 1, "there is no councilor 'nobody'"),
        (("preview",), 2, "say when: conselho councilors preview --every 90m"),
        (("preview", "--cron", "0 0 30 2 *"), 2, "--cron: "),
        (("slots", "nobody"), 1, "there is no councilor 'nobody'"),
        (("list", "--agent", "nobody"), 2, "there is no agent 'nobody'"),
        (("list", "--after", "x"), 2, "this cursor is none"),
    ],
)
def test_what_cannot_be_is_one_sentence(shared_house: House, arguments: tuple[str, ...], code: int, said: str) -> None:
    told = shared_house.call("councilors", *arguments)
    assert (told.returncode, told.stdout) == (code, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_run_can_be_asked_for_by_no_councilor_that_there_is_not(shared_house: House) -> None:
    told = shared_house.call("executions", "list", "--councilor", "nobody")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("conselho: there is no councilor 'nobody'")


def test_what_cannot_be_starts_no_server(house: House) -> None:
    for arguments in (("--every", "1"), ("--cron", "x"), ("--every", "1h", "--prompt", "x", "--color", "/")):
        assert house.call("councilors", "promote", "x", *arguments).returncode == 2
    assert not house.data_dir.exists()


def test_every_change_can_be_had_as_json(shared_house: House) -> None:
    promote(shared_house, "machine")
    for arguments in (("set", "machine", "--title", "M"), ("pause", "machine"), ("resume", "machine"),
                      ("demote", "machine")):  # fmt: skip
        assert json.loads(shared_house.call("councilors", *arguments, "--json").stdout)["slug"] == "machine"
