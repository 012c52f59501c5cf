"""The real agent CLIs as they work on cards: each command with what it may do, and a follow-up in its conversation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import Server
from tests.acceptance.waiting import until
from tests.agent_clis.asking import WISHES
from tests.agent_clis.cli_house import CliHouse
from tests.projects.repositories import git, make_repository, standing

PATCH = "apply_patch <<'END'\n*** Begin Patch\n*** Add File: {name}\n+well\n*** End Patch\nEND"
# How each model has a file written. The second asks for it where nothing may be written.
WRITING: dict[str, Callable[[Path], dict[str, Any]]] = {
    "claude": lambda path: {"name": "Write", "input": {"file_path": str(path), "content": "well\n"}},
    "codex": lambda path: {"name": "exec_command", "input": {"cmd": PATCH.format(name=path.name)}},
    "gemini": lambda path: {"name": "write_file", "input": {"file_path": path.name, "content": "well\n"}},
    "opencode": lambda path: {"name": "write", "input": {"filePath": str(path), "content": "well\n"}},
}


def made(server: Server, path: str, /, **body: Any) -> dict[str, Any]:
    answer = server.http.post(path, json=body)
    assert answer.status_code in {201, 202}, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(server: Server, card: str, command: str, message: str | None = None) -> dict[str, Any]:
    """Give the card a command, and wait until its work is kept; its execution."""
    begun = made(server, f"/cards/{card}/commands", command=command, message=message)
    shown = server.end_of(begun["id"])
    until(lambda: server.http.get(f"/cards/{card}").json()["is_settled"], "the work to be kept")
    return shown


@pytest.mark.parametrize("provider", WISHES)
def test_a_card_is_planned_implemented_and_followed_up(cli_house: CliHouse, provider: str) -> None:
    shop = make_repository(cli_house.scratch / "shop")
    before = standing(shop)
    server = cli_house.serve()
    project = made(server, "/projects", path=str(shop))
    worktree = cli_house.data_dir / "worktrees" / project["id"] / "1-say-well"
    write = {"call": WRITING[provider](worktree / "well.txt")}
    again = {"call": WRITING[provider](worktree / "again.txt")}
    turns = [{"say": "1. Write well.txt"}, write, {"say": "It says well."}, again, {"say": "Again."}]
    model = cli_house.model(turns)
    made(server, "/agents", slug="ana", provider=provider, **WISHES[provider](cli_house, model))
    card = str(made(server, "/cards", title="Say well", description="In a file.")["number"])

    planned = done(server, card, "/plan")
    assert (planned["status"], planned["options"]) == ("succeeded", None), planned
    told = server.http.get(f"/cards/{card}").json()
    assert (told["plan"], told["changes"]["files"]) == ("1. Write well.txt", 0)
    implemented = done(server, card, "/implement")
    assert implemented["options"] == {"permission_mode": "edit"}
    assert (implemented["status"], implemented["result"]) == ("succeeded", "It says well."), implemented
    assert "1. Write well.txt" in json.dumps(model.turns()[1]["body"])
    assert git(shop, "show", "conselho/1-say-well:well.txt") == "well"

    followed = done(server, card, "/implement", "Once more, in again.txt")
    assert (followed["status"], followed["session"]) == ("succeeded", implemented["session"]), followed
    assert followed["continue_from"] == implemented["id"]
    conversation = json.dumps(model.turns()[3]["body"])
    assert "It says well." in conversation
    assert "Once more, in again.txt" in conversation
    assert git(shop, "show", "conselho/1-say-well:again.txt") == "well"
    assert standing(shop) == before
