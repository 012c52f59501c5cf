"""A card's files reach the real agent CLIs, in the mode of a plan and in that of an implementation."""

import base64
import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import Server
from tests.agent_clis.asking import ASKING, OPENCODE_CONFIGURATION, configured
from tests.agent_clis.cli_house import CliHouse, Model
from tests.cards.pictures import PNG

PICTURE = base64.b64encode(PNG).decode()
SECRET = "the word of this file is heliotrope"


@dataclass
class Asker:
    """Makes an agent where a test of a CLI would ask for an execution."""

    home: Path

    def ask(self, server: Server, provider: str, _prompt: str, **wish: Any) -> str:
        body = {"slug": provider, "provider": provider, "timeout_seconds": 60} | wish
        return str(posted(server, "/agents", body)["id"])


def posted(server: Server, path: str, body: Any) -> dict[str, Any]:
    answer = server.http.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def attach(house: CliHouse, server: Server, name: str, content: bytes) -> Path:
    """Give the first card a file; returns where it lies."""
    headers = {"Content-Type": "application/octet-stream"}
    answer = server.http.post("/cards/1/attachments", params={"name": name}, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    (found,) = (house.data_dir / "attachments").rglob(f"{answer.json()['id']}-*")
    return found


def reading(cli: str, path: Path) -> dict[str, Any]:
    name, given = {
        "claude": ("Read", {"file_path": str(path)}),
        "codex": ("exec_command", {"cmd": f"cat '{path}'"}),
        "gemini": ("read_file", {"file_path": str(path)}),
        "opencode": ("read", {"filePath": str(path)}),
    }[cli]
    return {"call": {"name": name, "input": given}}


def writing(cli: str, path: Path) -> dict[str, Any]:
    name, given = {
        "claude": ("Write", {"file_path": str(path), "content": "x"}),
        "codex": ("exec_command", {"cmd": f"echo x >> '{path}'"}),
        "gemini": ("write_file", {"file_path": str(path), "content": "x"}),
        "opencode": ("write", {"filePath": str(path), "content": "x"}),
    }[cli]
    return {"call": {"name": name, "input": given}}


def seen(model: Model, turn: int) -> str:
    """What the model was sent."""
    return json.dumps(model.turns()[turn]["body"])


def prepare(house: CliHouse, server: Server) -> tuple[Path, Path]:
    """A card with a text and a picture; returns where they lie."""
    seeing: dict[str, Any] = copy.deepcopy(OPENCODE_CONFIGURATION)
    seeing["provider"]["scripted"]["models"]["small"]["modalities"] = {"input": ["text", "image"], "output": ["text"]}
    configured(house.home / ".config" / "opencode" / "opencode.json", seeing)
    posted(server, "/projects", {"path": str(house.repo)})
    posted(server, "/cards", {"title": "Look at the files"})
    return attach(house, server, "-rf 'a', \"b\".txt", SECRET.encode()), attach(house, server, "screen.png", PNG)


@pytest.mark.parametrize("command", ["/plan", "/implement"])
@pytest.mark.parametrize("cli", ASKING)
def test_what_belongs_to_a_card_can_be_read_and_is_not_written_to(cli_house: CliHouse, cli: str, command: str) -> None:
    server = cli_house.serve()
    text, picture = prepare(cli_house, server)
    looks = [reading(cli, text)] if cli == "codex" else [reading(cli, text), reading(cli, picture)]
    model = cli_house.model([*looks, writing(cli, text), {"say": "Done"}])
    ASKING[cli](Asker(cli_house.home), server, model)
    shown = server.end_of(posted(server, "/cards/1/commands", {"command": command})["id"])
    assert (shown["status"], shown["result"]) == ("succeeded", "Done"), shown
    assert SECRET not in seen(model, 0)
    assert SECRET in seen(model, -1)
    assert PICTURE in seen(model, 0 if cli == "codex" else -1)
    assert text.read_text() == SECRET
    assert len(list(text.parent.iterdir())) == 2


def test_codex_is_shown_pictures_also_when_it_goes_on(cli_house: CliHouse) -> None:
    server = cli_house.serve()
    prepare(cli_house, server)
    model = cli_house.model([{"say": "One"}, {"say": "Two"}])
    ASKING["codex"](Asker(cli_house.home), server, model)
    first = server.end_of(posted(server, "/cards/1/commands", {"command": "/plan"})["id"])
    second = server.end_of(posted(server, "/cards/1/commands", {"command": "/plan", "message": "Again"})["id"])
    assert (second["result"], second["session"]) == ("Two", first["session"])
    assert seen(model, -1).count(PICTURE) == 2


def test_a_file_that_was_removed_before_its_run_began_stops_nobody(cli_house: CliHouse) -> None:
    server = cli_house.serve("--no-worker")
    prepare(cli_house, server)
    model = cli_house.model([{"say": "Done"}])
    ASKING["codex"](Asker(cli_house.home), server, model)
    run = posted(server, "/cards/1/commands", {"command": "/plan"})["id"]
    for each in server.http.get("/cards/1/attachments").json()["items"]:
        assert server.http.delete(f"/cards/1/attachments/{each['id']}").status_code == 204
    server.stop()
    shown = cli_house.serve().end_of(run)
    assert (shown["status"], shown["result"]) == ("succeeded", "Done"), shown
