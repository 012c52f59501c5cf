"""Every command has `--json`, and what it prints has the shape that docs/reference/json.md shows."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from conselho.cli import main
from tests.architecture.markdown import ROOT, Page
from tests.cli.conftest import House, remaining

PAGE = Page(ROOT / "docs" / "reference" / "json.md")
WITHOUT = {"completion"}  # it prints a script, and nothing else is wanted of it


def answering(group: click.Group, path: str = "conselho") -> list[tuple[str, click.Command]]:
    """Every command that does something, by how it is called."""
    found: list[tuple[str, click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += (
            answering(command, f"{path} {name}") if isinstance(command, click.Group) else [(f"{path} {name}", command)]
        )
    return found


COMMANDS = {path: command for path, command in answering(main.conselho) if path.split()[1] not in WITHOUT}


def shape(value: Any) -> Any:
    """What is compared: names, and what the first of several looks like."""
    match value:
        case dict():
            return {name: shape(part) for name, part in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case _:
            return None


def shown(command: str) -> Any:
    """The shape of the example behind the name of a command."""
    behind = PAGE.text.partition(f"\n`{command}`")[2]
    return shape(json.loads(behind.partition("```json\n")[2].partition("```")[0]))


def told(house: House, *arguments: str) -> Any:
    answer = house.call(*arguments, "--json")
    assert answer.stderr == ""
    assert answer.stdout.count("\n") == 1
    return json.loads(answer.stdout)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_it_and_is_in_the_reference(path: str) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[path].params)
    assert f"| `{path}` |" in PAGE.text


def test_the_reference_lists_no_other_command() -> None:
    listed = re.findall(r"^\| `(conselho [^`]+)` \|", PAGE.text, re.MULTILINE)
    assert {path.partition(" --")[0] for path in listed} == set(COMMANDS)


def test_a_server_says_where_it_listens_and_nothing_else(house: House) -> None:
    with house.start("serve", "--json") as server:
        assert server.stdout is not None
        greeting = json.loads(server.stdout.readline())
        assert shape(greeting) == shown("conselho serve")
        assert (greeting["pid"], greeting["data_dir"]) == (server.pid, str(house.data_dir))
        assert (greeting["seats"], greeting["taken_up"]) == (4, 0)
        assert greeting["urls"][0].startswith("http://127.0.0.1:")
        server.terminate()
        assert remaining(server) == ("", "")


def test_the_database_is_told_of_by_its_revisions(house: House) -> None:
    first = told(house, "db", "upgrade")
    assert shape(first) == shown("conselho db upgrade")
    assert first["before"] is None
    again = told(house, "db", "upgrade")
    assert again["before"] == again["after"] == first["after"]
    assert told(house, "db", "check") == {"revision": first["after"]}
    assert shown("conselho db check") == {"revision": None}


def test_a_backup_and_its_restore_are_told_as_the_reference_shows(house: House, tmp_path: Path) -> None:
    revision = told(house, "db", "upgrade")["after"]
    file = str(tmp_path / "copy")
    made = told(house, "db", "backup", file)
    assert shape(made) == shown("conselho db backup")
    assert (made["file"], made["revision"], made["executions"]) == (file, revision, 0)
    found = told(house, "db", "restore", file)
    assert shape(found) == shown("conselho db restore")
    assert (found["file"], found["revision"], found["lost"]) == (file, revision, 0)
    again = told(house, "db", "restored")
    assert shape(again) == shown("conselho db restored")
    assert again["epoch"] != found["epoch"]


@pytest.mark.parametrize("command", ["config", "doctor"])
def test_what_is_here_is_told_as_the_reference_shows(house: House, command: str) -> None:
    assert shape(told(house, command)) == shown(f"conselho {command}")


def test_a_demo_is_told_as_the_reference_shows(house: House) -> None:
    found = told(house, "demo", "--once", "--repo", str(ROOT))
    assert shape(found | {"executions": [], "councilors": [], "cards": []}) == shown("conselho demo")
    assert {execution["status"] for execution in found["executions"]} == {"succeeded"}


def test_the_lines_of_a_run_come_before_itself(house: House) -> None:
    lines = [json.loads(line) for line in house.call("run", "--json", "--", "echo", "hello").stdout.splitlines()]
    assert ["text" in line and "seq" in line for line in lines] == [True] * (len(lines) - 1) + [False]
    assert all(line.keys() == {"seq", "at", "kind", "text"} for line in lines[:-1])
    assert lines[-1]["status"] == "succeeded"
    assert told(house, "executions", "show", lines[-1]["id"])["log_lines"] == len(lines) - 1
