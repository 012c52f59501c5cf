"""A conversation that its CLI has forgotten: begun anew, once, whenever the server dies meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import agents
from tests.acceptance.house import House, Server
from tests.acceptance.waiting import until

STREAMS = Path(__file__).parents[1] / "providers" / "streams"


def install(house: House) -> dict[str, str]:
    """A `claude` that answers as was recorded, and knows no session; returns the variables that find it."""
    place = house.scratch / "bin"
    place.mkdir()
    program = place / "claude"
    told = (
        "cat > /dev/null",
        f'case "$*" in *--resume=*) cat {STREAMS}/claude-unknown-session.jsonl; exit 1;; esac',
        f"cat {STREAMS}/claude-answer.jsonl",
    )
    program.write_text("#!/bin/sh\n" + agents.STARTED + "\n".join(told) + "\n", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{place}:/usr/bin:/bin"}


def ask(server: Server, **wish: Any) -> str:
    answer = server.http.post("/executions", json={"prompt": "x", "cwd": "/tmp"} | wish)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    "point",
    ["begin anew before it is said", "begin anew before its commit", "begin anew committed, directory there"],
)
def test_it_is_begun_anew_once_and_its_log_goes_on(house: House, point: str) -> None:
    found = install(house)
    dying = house.serve_to_die(point)
    earlier = ask(dying, provider="claude", env=found)
    assert dying.end_of(earlier)["session"]
    again = ask(dying, continue_from=earlier)
    dying.await_death()

    server = house.serve()
    ended = server.end_of(again)
    assert (ended["status"], ended["reason"]) == ("succeeded", None), ended
    assert house.starts(again) == 2
    lines = server.log(again)
    assert [line["seq"] for line in lines] == list(range(1, ended["log_lines"] + 1))
    texts = [line["text"] for line in lines]
    assert sum("is not known any more" in text for text in texts) == 1
    assert sum("has no session that claude could take up" in text for text in texts) == 1
    until(lambda: not list((house.data_dir / "runs").iterdir()), "both run directories to be gone")
