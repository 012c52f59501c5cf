"""`conselho agents`, and `conselho run --agent`, with the real server and without one."""

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conselho.agents import definitions
from conselho.analyses import catalog
from conselho.cli import agent_fields, agent_options, agents, options
from conselho.maintainer import start as maintainer
from conselho.providers import options as provider_options
from conselho.providers import registry
from tests.cli.conftest import House
from tests.cli.programs import PROGRAM, conselho, environment

WHOLE = (
    "--title", "Tests", "--emoji", "🧪", "--description", "runs them all", "--prompt", "look at {prompt}",
    "--model", "large", "--cwd", "/", "--env", "CI=1", "--env", "A=x=y", "--allow-env", "API_KEY", "--timeout", "5m",
    "--idle-timeout", "30", "--accept-exit", "3", "--concurrency", "2", "--exclusive",
)  # fmt: skip
KEPT: dict[str, Any] = {
    "title": "Tests", "emoji": "🧪", "description": "runs them all", "provider": "command", "model": "large",
    "prompt": "look at {prompt}", "cwd": "/", "env": {"CI": "1", "A": "x=y"}, "env_allow": ["API_KEY"],
    "timeout_seconds": 300.0, "idle_timeout_seconds": 30.0, "accepted_exit_codes": [0, 3], "concurrency": 2,
    "exclusive": True, "argv": ["sh", "-c", "cat; exit 3"],
}  # fmt: skip


def add(house: House, slug: str, *arguments: str) -> None:
    told = house.call("agents", "add", slug, *arguments)
    assert (told.returncode, told.stdout, told.stderr) == (0, f"added {slug}\n", "")


def shown(house: House, slug: str) -> dict[str, Any]:
    agent: dict[str, Any] = json.loads(house.call("agents", "show", "--json", slug).stdout)
    return agent


def test_the_limits_are_those_of_the_server() -> None:
    assert list(options.PROVIDERS) == registry.names()
    fields = {field.partition(".")[0] for field in agent_fields.CLEARABLE.values()}
    assert fields < set(definitions.FIELDS)
    assert set(agent_options.NAMES) == {each.name for each in dataclasses.fields(provider_options.Options)}
    assert agent_options.MODES == provider_options.MODES
    assert (agent_options.TURNS_MAX, agent_options.COST_USD_MAX) == (
        provider_options.TURNS_MAX, provider_options.COST_USD_MAX,
    )  # fmt: skip


def test_an_agent_is_kept_as_it_was_defined(shared_house: House) -> None:
    add(shared_house, "whole", *WHOLE, "--", *KEPT["argv"])
    found = shown(shared_house, "whole")
    assert found | KEPT == found

    told = shared_house.call("agents", "show", found["id"]).stdout
    for line in ("argv                  sh -c 'cat; exit 3'\n", "env                   CI=1 A=x=y\n",
                 "timeout_seconds       5 min\n", "exclusive             yes\n"):  # fmt: skip
        assert line in told


def test_a_change_changes_what_is_given_and_clears_what_is_named(shared_house: House) -> None:
    add(shared_house, "changed", *WHOLE, "--", *KEPT["argv"])
    told = shared_house.call(
        "agents", "set", "changed", "--timeout", "10", "--shared", "--clear", "title", "--clear", "env",
        "--clear", "accept-exit", "--", "true",
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (0, "changed changed\n")
    changes: dict[str, Any] = {
        "timeout_seconds": 10.0,
        "exclusive": False,
        "title": None,
        "env": {},
        "accepted_exit_codes": [0],
    }
    found = shown(shared_house, "changed")
    assert found | KEPT | changes | {"argv": ["true"], "version": 2} == found


@pytest.mark.parametrize("analysis", catalog.ALL, ids=lambda analysis: analysis.name)
def test_an_analysis_is_an_agent_that_is_told_from_the_catalog(
    shared_house: House, analysis: catalog.Analysis, tmp_path: Path
) -> None:
    add(shared_house, analysis.name, "--analysis", analysis.name, "--cwd", str(tmp_path))
    told: dict[str, Any] = {
        "title": analysis.title, "description": analysis.description, "provider": "command", "cwd": str(tmp_path),
        "argv": analysis.argv(tmp_path), "timeout_seconds": float(analysis.timeout_seconds), "prompt": None,
    }  # fmt: skip
    found = shown(shared_house, analysis.name)
    assert found | told == found


def test_what_is_said_of_an_analysis_wins_over_the_catalog(shared_house: House, tmp_path: Path) -> None:
    add(shared_house, "said", "--analysis", "hot_spots", "--cwd", str(tmp_path), "--title", "Mine", "--description",
        "of the shop", "--timeout", "10", "--exclusive", "--env", "CI=1")  # fmt: skip
    found = shown(shared_house, "said")
    told = {
        "title": "Mine",
        "description": "of the shop",
        "timeout_seconds": 10.0,
        "exclusive": True,
        "env": {"CI": "1"},
    }
    assert found | told == found


def test_an_analysis_is_of_the_current_directory_and_runs(shared_house: House, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    as_somebody = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("add", "."), (*as_somebody, "commit", "-q", "-m", "begin")):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    place = ("--data-dir", str(shared_house.data_dir))
    told = conselho("agents", "add", "here", "--analysis", "broken_windows", *place, cwd=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    execution = json.loads(shared_house.call("agents", "try", "here", "--json").stdout.splitlines()[-1])
    assert (execution["status"], execution["severity"], execution["cwd"]) == ("succeeded", "error", str(tmp_path))
    assert [finding["file"] for finding in execution["findings"]] == ["broken.json"]


def test_the_maintainer_is_an_agent_whose_command_a_card_says_or_argv(shared_house: House, tmp_path: Path) -> None:
    add(shared_house, "maintainer", "--maintainer")
    add(shared_house, "tidy", "--maintainer", "--title", "Tidy", "--cwd", str(tmp_path), "--", "plan")
    told: dict[str, Any] = {
        "title": maintainer.TITLE, "description": maintainer.DESCRIPTION, "provider": "command", "cwd": None,
        "argv": maintainer.argv(), "timeout_seconds": float(maintainer.TIMEOUT_SECONDS),
    }  # fmt: skip
    found = shown(shared_house, "maintainer")
    assert found | told == found
    found = shown(shared_house, "tidy")
    assert found | told | {"title": "Tidy", "cwd": str(tmp_path), "argv": maintainer.argv("plan")} == found
    (tmp_path / "a.py").write_text("x = 1  \n", encoding="utf-8")
    execution = json.loads(shared_house.call("agents", "try", "tidy", "--json").stdout.splitlines()[-1])
    assert (execution["status"], execution["severity"]) == ("succeeded", "warning")
    assert [finding["file"] for finding in execution["findings"]] == ["a.py"]


def test_an_analysis_and_the_maintainer_in_one_are_refused(shared_house: House) -> None:
    told = shared_house.call("agents", "add", "both", "--maintainer", "--analysis", "hot_spots")
    assert told.returncode == 2
    assert "--analysis and --maintainer say different things" in told.stderr


def test_an_analysis_of_a_directory_that_was_removed_is_refused(shared_house: House, tmp_path: Path) -> None:
    program = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    command = (*PROGRAM, "agents", "add", "x", "--analysis", "hot_spots", "--data-dir", str(shared_house.data_dir))
    (tmp_path / "gone").mkdir()
    told = subprocess.run(
        ["sh", "-c", program, "sh", str(tmp_path / "gone"), *command],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "conselho: the current directory was removed: go to another or give --cwd\n"


@pytest.mark.parametrize("word", agent_fields.CLEARABLE)
def test_every_clearable_word_is_an_option(word: str) -> None:
    assert any(f"--{word}" in parameter.opts for parameter in agents.set_.params)


def test_a_list_tells_what_runs_and_pages_follow_each_other(house: House) -> None:
    told = house.call("agents", "list")
    assert (told.stdout, told.stderr) == ("", "no agents yet: try `conselho agents add tests -- make test`\n")
    assert not house.data_dir.exists()
    for slug in ("one", "two", "three"):
        add(house, slug, "--", "echo", slug)
    first = house.call("agents", "list", "--limit", "2")
    assert [line.split()[:3] for line in first.stdout.splitlines()[1:]] == [["one", "-", "echo"], ["two", "-", "echo"]]
    rest = house.call("agents", "list", "--after", first.stderr.split()[-1])
    assert [line.split()[0] for line in rest.stdout.splitlines()[1:]] == ["three"]


def test_a_removed_agent_is_gone_and_its_runs_are_not(shared_house: House) -> None:
    add(shared_house, "gone", "--", "echo", "was here")
    assert shared_house.call("agents", "try", "gone").stdout == "was here\n"
    assert shared_house.call("agents", "remove", "gone").stdout == "removed gone\n"
    listed = json.loads(shared_house.call("executions", "list", "--agent", "gone", "--json").stdout)["items"]
    assert [execution["status"] for execution in listed] == ["succeeded"]
    assert shared_house.call("agents", "remove", "gone").returncode == 1


def test_an_agent_runs_alike_whoever_starts_it(shared_house: House, tmp_path: Path) -> None:
    add(shared_house, "alike", "--cwd", str(tmp_path), "--env", "CI=1", "--accept-exit", "3",
        "--", "sh", "-c", 'echo "$CI|$VIRTUAL_ENV|$PWD"; cat; exit 3')  # fmt: skip
    told = shared_house.call("run", "--agent", "alike", VIRTUAL_ENV="/of/the/caller")
    assert (told.returncode, told.stdout) == (3, f"1||{tmp_path}\n")
    told = shared_house.call("agents", "try", "alike", "--prompt", "hello", "--cwd", "/", "--json")
    execution = json.loads(told.stdout.splitlines()[-1])
    assert (execution["result"], execution["status"], execution["agent"]) == ("1||/\nhello", "succeeded", "alike")


def test_what_run_says_wins_over_the_agent(shared_house: House) -> None:
    add(shared_house, "beaten", "--env", "CI=1", "--prompt", "Do {prompt}!", "--accept-exit", "3", "--", "false")
    told = shared_house.call(
        "run", "--agent", "beaten", "--env", "CI=2", "--env", "HERE", "--prompt", "it", "--accept-exit", "4",
        "--title", "mine", "--json", "--", "sh", "-c", 'echo "$CI $HERE $PWD"; cat; exit 4', HERE="passed",
    )  # fmt: skip
    execution = json.loads(told.stdout.splitlines()[-1])
    assert execution["result"] == f"2 passed {Path.cwd()}\nDo it!"
    assert (execution["title"], execution["accepted_exit_codes"]) == ("mine", [0, 3, 4])


def test_the_prompt_of_a_run_can_come_on_stdin(shared_house: House) -> None:
    add(shared_house, "stdin", "--", "cat")
    place = str(shared_house.data_dir)
    told = conselho("run", "--agent", "stdin", "--data-dir", place, "--prompt", "-", stdin="some words")
    assert (told.returncode, told.stdout) == (0, "some words\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("agents", "show", "nobody"),
            1,
            "there is no agent 'nobody': see those there are with `conselho agents list`",
        ),
        (("agents", "show", "../executions"), 1, "there is no agent '../executions'"),
        (("agents", "show", ""), 1, "there is no agent ''"),
        (("agents", "set", "nobody", "--title", "x"), 1, "there is no agent 'nobody'"),
        (("agents", "remove", "nobody"), 1, "there is no agent 'nobody'"),
        (("agents", "try", "nobody"), 2, "there is no agent 'nobody'"),
        (("run", "--agent", "nobody"), 2, "there is no agent 'nobody'"),
        (("agents", "add", "a b", "--", "true"), 2, "invalid value for 'SLUG': 'a b' is none: letters, digits"),
        (("agents", "add", "x" * 101, "--", "true"), 2, "invalid value for 'SLUG'"),
        (("agents", "add", "\udcff", "--", "true"), 2, "invalid value for 'SLUG': '\\udcff' is none"),
        (("agents", "add", "0192f0c1-7e7e-7abc-8def-0123456789ab", "--", "x"), 2, "'SLUG': it looks like an id"),
        (("agents", "add", "x"), 2, "say what it runs, after `--`: conselho agents add x -- make test"),
        (
            ("agents", "add", "x", "--provider", "oracle", "--", "x"),
            2,
            "invalid value for '--provider': 'oracle' is not",
        ),
        (
            ("agents", "add", "x", "--analysis", "hot_spots", "--", "true"),
            2,
            "--analysis and ARGV say different things: leave one of them out",
        ),
        (
            ("agents", "add", "x", "--analysis", "oracle"),
            2,
            "'oracle' is not one of 'monolithic_files', 'debt_markers'",
        ),
        (("agents", "add", "x", "--analysis", "hot_spots", "--cwd", ""), 2, "'--cwd': it is empty: name a directory"),
        (("agents", "add", "x", "--analysis", "hot_spots", "--cwd", "\udcff"), 2, "--cwd: '"),
        (("agents", "set", "x", "--analysis", "hot_spots"), 2, "no such option '--analysis'"),
        (("agents", "add", "x", "--env", "TOKEN", "--", "x"), 2, "write NAME=VALUE, or --allow-env TOKEN"),
        (
            ("agents", "add", "x", "--allow-env", "CONSELHO_DATABASE_URL", "--", "x"),
            2,
            "--allow-env: CONSELHO_DATABASE_URL is the server's own",
        ),
        (("agents", "add", "x", "--concurrency", "0", "--", "x"), 2, "'0' is no whole number from 1 to 1000"),
        (("agents", "add", "x", "--timeout", "0.1", "--", "x"), 2, "outside 1 second to 7 days"),
        (("agents", "add", "x", "--allow-env", "9x", "--", "x"), 2, "--allow-env: '9x' is no name of a variable"),
        (("agents", "add", "x", *["--allow-env", "A"] * 101, "--", "x"), 2, "--allow-env has at most 100 names"),
        (("agents", "add", "x", "--allow-env", "\udcff", "--", "x"), 2, "--allow-env: '\\udcff' is not UTF-8 text"),
        (
            ("agents", "add", "x", "--env", f"A={'x' * 131_000}", "--env", f"B={'x' * 100}", "--", "x"),
            2,
            "--env is larger than 128",
        ),
        (("agents", "add", "x", "--env", "A=\udcff", "--", "x"), 2, "--env: 'A=\\udcff' is not UTF-8 text"),
        (("agents", "add", "x", "--title", "\udcff", "--", "x"), 2, "value for '--title': '\\udcff' is not UTF-8 text"),
        (("agents", "add", "x", "--title", "x" * 201, "--", "x"), 2, "'--title': it is longer than 200 characters"),
        (("agents", "add", "x", "--emoji", "x" * 33, "--", "x"), 2, "'--emoji': it is longer than 32 characters"),
        (
            ("agents", "set", "x", "--description", "x" * 10_001),
            2,
            "'--description': it is longer than 10000 characters",
        ),
        (("agents", "set", "x", "--model", "x" * 101), 2, "'--model': it is longer than 100 characters"),
        (("agents", "set", "x", "--accept-exit", "256"), 2, "'--accept-exit': '256' is no whole number from 0 to 255"),
        (("agents", "set", "x", "--idle-timeout", "8d"), 2, "'--idle-timeout': 8d is outside 1 second to 7 days"),
        (("agents", "set", "x", "--prompt", "\udcff"), 2, "--prompt: '\\udcff' is not UTF-8 text"),
        (("agents", "set", "x", "--cwd", ""), 2, "invalid value for '--cwd': it is empty: name a directory"),
        (("agents", "set", "x", "--cwd", "\udcff"), 2, "--cwd: '"),
        (("agents", "set", "x", "--", "true", "\udcff"), 2, "ARGV: '\\udcff' is not UTF-8 text"),
        (("agents", "set", "x", "--", *["x" * 100_000] * 6), 2, "ARGV is larger than 512 KiB altogether"),
        (("agents", "set", "x", "--", ""), 2, "ARGV must be valid text without NUL"),
        (
            ("agents", "set", "x", "--title", "x", "--clear", "title"),
            2,
            "--title and --clear title say different things",
        ),
        (("agents", "try", "x", "--cwd", ""), 2, "invalid value for '--cwd': it is empty: name a directory"),
        (("agents", "set", "x"), 2, "say what to change"),
        (("agents", "set", "x", "--clear", "argv"), 2, "'argv' is not one of"),
        (("agents", "list", "--after", "x"), 2, "cursor"),
        (("agents", "list", "--limit", "201"), 2, "'201' is no whole number from 1 to 200"),
        (("agents", "promote", "x"), 2, "there is no command 'promote': try add, list"),
    ],
)
def test_what_cannot_be_is_one_sentence(shared_house: House, arguments: tuple[str, ...], code: int, said: str) -> None:
    told = shared_house.call(*arguments)
    assert (told.returncode, told.stdout) == (code, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


def test_what_only_the_whole_definition_shows_is_told_by_its_option(shared_house: House) -> None:
    add(shared_house, "long", "--prompt", "x" * 120_000, "--", "cat")
    told = shared_house.call("agents", "set", "long", "--", "cat", "{prompt}")
    assert (told.returncode, told.stderr) == (
        2,
        "conselho: --prompt is over 100 KiB, too long for an argument: leave {prompt} out to give it on stdin\n",
    )


def test_what_cannot_be_starts_no_server(house: House) -> None:
    for arguments in (("a b", "--", "x"), ("x", "--allow-env", "9x", "--", "x"), ("x", "--", "")):
        assert house.call("agents", "add", *arguments).returncode == 2
    assert not house.data_dir.exists()


def test_a_slug_is_taken_once(shared_house: House) -> None:
    add(shared_house, "taken", "--", "true")
    told = shared_house.call("agents", "add", "taken", "--", "true")
    assert (told.returncode, told.stderr) == (
        1, "conselho: there is an agent 'taken' already: change it, or take another slug\n",
    )  # fmt: skip


def test_every_change_can_be_had_as_json(shared_house: House) -> None:
    for arguments in (("add", "machine", "--json", "--", "true"), ("set", "machine", "--json", "--title", "M"),
                      ("remove", "machine", "--json")):  # fmt: skip
        assert json.loads(shared_house.call("agents", *arguments).stdout)["slug"] == "machine"


def test_agents_can_be_looked_at_when_nobody_serves(house: House) -> None:
    add(house, "quiet", "--", "true")
    house.close()
    assert shown(house, "quiet")["argv"] == ["true"]
    assert house.call("agents", "list").stdout.count("\n") == 2
    assert house.call("run", "--agent", "nobody").returncode == 2
    assert not (house.data_dir / "conselho.sock").exists()


def test_an_unknown_agent_starts_nobody(house: House) -> None:
    assert house.call("run", "--agent", "nobody").returncode == 2
    assert not house.data_dir.exists()


def test_how_a_cli_is_to_work_is_kept_shown_changed_and_cleared(shared_house: House) -> None:
    add(
        shared_house, "cli", "--provider", "codex", "--model", "large", "--mode", "full", "--prompt", "hello"
    )  # fmt: skip
    assert shown(shared_house, "cli")["options"] == {"permission_mode": "full"}
    assert "options               --mode full\n" in shared_house.call("agents", "show", "cli").stdout
    told = shared_house.call("agents", "set", "cli", "--system-prompt", "Be brief.", "--clear", "mode")
    assert (told.returncode, told.stderr) == (0, "")
    assert shown(shared_house, "cli")["options"] == {"system_prompt": "Be brief."}


def test_another_provider_takes_nothing_of_the_one_before(shared_house: House) -> None:
    add(shared_house, "moves", "--", "true")
    assert shared_house.call("agents", "set", "moves", "--provider", "codex", "--mode", "edit").returncode == 0
    found = shown(shared_house, "moves")
    assert (found["argv"], found["options"]) == (None, {"permission_mode": "edit"})
    assert shared_house.call("agents", "set", "moves", "--provider", "command", "--", "true").returncode == 0
    assert shown(shared_house, "moves")["options"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("agents", "add", "x", "--provider", "codex", "--", "true"), "put its arguments into --extra-arg"),
        (("agents", "add", "x", "--mode", "full", "--", "true"), "a command has no options"),
        (("agents", "add", "x", "--provider", "codex", "--max-turns", "0"), "'0' is no whole number from 1 to 10000"),
        (("agents", "add", "x", "--provider", "codex", "--max-cost", "0"), "'0' is no number above 0 and up to 10000"),
        (("agents", "add", "x", "--provider", "codex", "--extra-arg", "--yolo"), "--extra-arg: '--yolo' is not let"),
        (("agents", "set", "x", "--mode", "plan", "--clear", "mode"), "--mode and --clear mode say different things"),
        (("run", "--provider", "codex"), "say what it is to do: conselho run --provider codex --prompt"),
        (("run", "--provider", "codex", "--prompt", "x", "--", "true"), "takes no argv"),
        (("run", "--mode", "full", "--", "true"), "a command has no options"),
        (("run", "--continue", "0190c1a2", "--agent", "x"), "--continue takes the agent of that run"),
        (("run", "--continue", "xyz", "--prompt", "x"), "'xyz' is no id"),
    ],
)
def test_what_a_cli_cannot_is_one_sentence(shared_house: House, arguments: tuple[str, ...], said: str) -> None:
    told = shared_house.call(*arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1
