"""The real OpenCode, driven by real servers, against a scripted model: what people see of its runs."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import traces
from tests.agent_clis.asking import opencode as ask
from tests.agent_clis.cli_house import CliHouse, texts

COST_USD = 0.000143  # of a turn of 100 tokens, 30 from the cache and 20 of output, at these prices
HOSTILE = '--help -p "\'$(touch x)` \\ \u00e9\U0001f600 "\r\n\t{prompt} {file:/etc/passwd} %s\n'
CANCEL_SECONDS = 12


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def call(tool: str, **given: Any) -> dict[str, Any]:
    return {"call": {"name": tool, "input": given}}


def shell(command: str) -> dict[str, Any]:
    return call("bash", command=command, description="runs it")


def kinds(lines: Sequence[dict[str, Any]]) -> list[str]:
    return [line["kind"] for line in lines]


def test_an_answer_has_its_result_session_tokens_and_cost(cli_house: CliHouse) -> None:
    model = cli_house.model([[{"think": "Hm."}, {"say": "All is well.\nVERDICT: fine"}]])
    server = cli_house.serve()
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"]) == ("succeeded", "success"), shown
    assert shown["result"] == "All is well.\nVERDICT: fine"
    assert shown["session"].startswith("ses_")
    assert (shown["input_tokens"], shown["cached_tokens"], shown["output_tokens"]) == (130, 30, 20)
    assert (shown["turns"], shown["cost_usd"]) == (1, pytest.approx(COST_USD))
    assert kinds(server.log(execution)) == ["system", "thinking", "text", "text", "result"]
    (request,) = model.requests()  # not even a title is asked for
    assert request["asked"] == ["Audit this repo"]


def test_an_edit_writes_a_file_and_runs_a_check(cli_house: CliHouse) -> None:
    (cli_house.repo / "Makefile").write_text("check:\n\t@echo it is checked\n")
    written = str(cli_house.repo / "a.txt")
    turns = [
        [{"say": "Writing."}, call("write", filePath=written, content="b\n")],
        shell("make check 2>&1 | tail -3"),
        shell("touch taken"),
        {"say": "Done"},
    ]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "edit"}))
    assert (shown["status"], shown["severity"], shown["result"], shown["turns"]) == ("succeeded", "warning", "Done", 4)
    assert shown["cost_usd"] == pytest.approx(4 * COST_USD)
    assert Path(written).read_text() == "b\n"
    assert not (cli_house.repo / "taken").exists()
    lines = server.log(execution)
    assert texts(lines, "tool") == [f"write: {written}", "bash: make check 2>&1 | tail -3", "bash: touch taken"]
    assert texts(lines, "warning") == ["denied: bash: touch taken"]
    (checked,) = (line for line in lines if line["text"] == "it is checked")
    (called,) = (line for line in lines if line["text"].startswith("bash: make"))
    assert called["data"]["id"] == checked["data"]["id"]
    assert called["data"]["input"]["command"] == "make check 2>&1 | tail -3"
    assert checked["data"]["duration_seconds"] > 0


def test_a_plan_only_reads_whatever_the_project_says(cli_house: CliHouse) -> None:
    (cli_house.repo / "AGENTS.md").write_text("Be brief here.")
    own = {"permission": {"*": "allow"}, "agent": {"conselho": {"permission": {"bash": "allow"}}}}
    write(cli_house.repo / "opencode.json", own | {"mcp": {"x": {"type": "local", "command": ["touch", "taken"]}}})
    turns = [
        call("read", filePath=str(cli_house.repo / "README.md")),
        shell("touch taken"),
        call("write", filePath=str(cli_house.repo / "taken"), content="x"),
        call("read", filePath="/etc/hostname"),
        {"say": "Done"},
    ]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert not (cli_house.repo / "taken").exists()
    lines = server.log(execution)
    assert len(texts(lines, "warning")) == 3
    assert any("A small project." in text for text in texts(lines, "tool_result"))
    assert "Be brief here." in json.dumps(model.turns()[0]["body"])


def test_code_of_the_project_runs_only_where_it_is_trusted(cli_house: CliHouse) -> None:
    plugin = cli_house.repo / ".opencode" / "plugin" / "taking.js"
    plugin.parent.mkdir(parents=True)
    taken = cli_house.scratch / "taken"
    plugin.write_text(f'import {{ writeFileSync }} from "fs"; writeFileSync("{taken}", ""); export default {{}}')
    (cli_house.repo / "deep" / ".git").mkdir(parents=True)  # no repository, and no end of the way up
    turns = [shell(f'until [ -e "{taken}" ]; do sleep 0.1; done'), {"say": "Done"}]  # it is run beside the conversation
    server, model = cli_house.serve(), cli_house.model(turns)
    for mode, place in (("plan", cli_house.repo), ("edit", cli_house.repo / "deep")):
        shown = server.end_of(ask(cli_house, server, model, cwd=str(place), options={"permission_mode": mode}))
        assert (shown["status"], shown["reason"]) == ("failed", "permission_needed"), shown
        assert str(plugin) in shown["error"]
    assert not taken.exists()
    assert model.requests() == []
    # That variable keeps it from fetching what plugins are made with, and from no plugin.
    trusting: dict[str, Any] = {
        "options": {"permission_mode": "full"},
        "env": {"OPENCODE_DISABLE_PROJECT_CONFIG": "1"},
    }
    shown = server.end_of(ask(cli_house, server, model, **trusting))
    assert shown["status"] == "succeeded", shown
    assert taken.exists(), "what is refused is no idle fear"


def test_full_is_told_and_asks_nothing(cli_house: CliHouse) -> None:
    turns = [shell("touch taken; cat /etc/hostname"), call("read", filePath="/etc/hostname"), {"say": "Done"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "full"}))
    assert (shown["status"], shown["severity"], shown["turns"]) == ("succeeded", "success", 3), shown
    assert (cli_house.repo / "taken").exists()
    assert "runs with all permissions: nothing is asked (full)" in texts(server.log(execution), "system")


def test_options_reach_it(cli_house: CliHouse) -> None:
    mcp_server = [sys.executable, str(Path(__file__).with_name("mcp_server.py"))]
    mcp_config = cli_house.scratch / "mcp.json"
    servers = {"loud": {"type": "local", "command": mcp_server}, "gone": {"type": "local", "command": ["false"]}}
    write(mcp_config, {"mcp": servers})
    turns = [[call("loud_shout", text="well done"), shell("git status")], {"say": "Done"}]
    options = {
        "system_prompt": "Speak like an \u00e9migr\u00e9 of {env:HOME}.",
        "mcp_config": str(mcp_config),
        "allowed_tools": ["loud_shout", "bash(git *)"],
        "denied_tools": ["grep", "bash(git push *)"],
        "max_turns": 7,
    }
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model, options=options))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    lines = server.log(execution)
    assert "WELL DONE" in texts(lines, "tool_result")
    assert texts(lines, "warning") == ["the MCP server gone is not available"]
    first = model.turns()[0]["body"]
    assert "Speak like an \u00e9migr\u00e9 of {env:HOME}." in json.dumps(first["messages"], ensure_ascii=False)
    offered = {tool["function"]["name"] for tool in first["tools"]}
    assert offered == {"bash", "glob", "loud_shout", "read", "skill", "todowrite"}


def test_an_mcp_file_that_is_not_there_is_told(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([])
    shown = server.end_of(ask(cli_house, server, model, options={"mcp_config": "/nowhere/mcp.json"}))
    assert (shown["status"], shown["reason"]) == ("failed", "bad_input"), shown
    assert "/nowhere/mcp.json does not exist" in shown["error"]


def test_a_conversation_goes_on(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "I shall remember 7."}, {"say": "It was 7."}])
    first = server.end_of(ask(cli_house, server, model, "Remember 7"))
    second = server.end_of(ask(cli_house, server, model, "What was it?", continue_from=first["id"]))
    assert (second["status"], second["result"], second["session"]) == ("succeeded", "It was 7.", first["session"])
    assert second["cost_usd"] == pytest.approx(COST_USD), "of this run alone"
    said = json.dumps(model.turns()[-1]["body"]["messages"])
    assert "Remember 7" in said
    assert "I shall remember 7." in said


def test_a_session_that_is_gone_is_begun_anew(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "I shall remember 7."}, {"say": "What was what?"}])
    first = server.end_of(ask(cli_house, server, model, "Remember 7"))
    shutil.rmtree(cli_house.home / ".local" / "share" / "opencode")
    second = server.end_of(execution := ask(cli_house, server, model, "What was it?", continue_from=first["id"]))
    assert (second["status"], second["result"]) == ("succeeded", "What was what?"), second
    assert second["session"] != first["session"]
    assert any("is not known any more" in text for text in texts(server.log(execution), "system"))


def test_cancelled_in_the_middle_of_a_tool_it_leaves_nothing(cli_house: CliHouse) -> None:
    turns = [shell('touch "$TMPDIR/in-tool"; setsid sleep 34576 & sleep 34576'), {"say": "never"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    execution = ask(cli_house, server, model, options={"permission_mode": "full"})
    cli_house.await_file("in-tool")
    begun = time.monotonic()
    server.cancel(execution)
    assert server.end_of(execution)["status"] == "cancelled"
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert not cli_house.processes(execution)
    assert not traces.found("sleep\x0034576")


def test_a_refused_key_is_told_with_how_to_sign_in(cli_house: CliHouse) -> None:
    refusal = {"status": 401, "message": "Incorrect API key provided: dummy."}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal | {"times": "always"}}])
    shown = server.end_of(ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "auth_failed"), shown
    assert "Incorrect API key" in shown["error"]
    assert "opencode auth login" in shown["error"]
    assert len(model.turns()) == 1


def test_a_run_that_was_given_up_says_what_its_api_did(cli_house: CliHouse) -> None:
    refusal = {"status": 503, "message": "The model is overloaded.", "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal | {"headers": {"retry-after": "30"}}}])
    shown = cli_house.given_up(server, ask(cli_house, server, model))
    assert shown["status"] == "cancelled", shown
    assert shown["error"].startswith("cancelled; tried ")
    assert "The model is overloaded" in shown["error"]


def test_a_model_there_is_none_of_is_told(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([])
    shown = server.end_of(ask(cli_house, server, model, model="scripted/large"))
    assert (shown["status"], shown["reason"]) == ("failed", "model_unknown"), shown
    assert "scripted/large" in shown["error"]
    assert "opencode models" in shown["error"]


def test_a_limit_is_tried_again_and_then_says_when_it_lifts(cli_house: CliHouse) -> None:
    refusal = {"status": 429, "message": "Rate limit reached. Please try again in 2h0m.", "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal | {"headers": {"retry-after-ms": "10"}}}])
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "rate_limited"), shown
    left = datetime.fromisoformat(shown["lifts_at"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < left < timedelta(hours=2, minutes=1)
    assert len(texts(server.log(execution), "warning")) == len(model.turns()) == 6


def test_a_request_that_was_tried_again_is_a_warning(cli_house: CliHouse) -> None:
    refusal = {"status": 429, "message": "Slow down.", "headers": {"retry-after-ms": "10"}}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal}, {"say": "Done"}])
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert any("Slow down." in text for text in texts(server.log(execution), "warning"))


def test_a_silent_model_is_waited_for_until_the_timeout(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([[{"say": "Wait for it"}, {"stall": True}]])
    shown = server.end_of(execution := ask(cli_house, server, model, timeout_seconds=6))
    assert (shown["status"], shown["reason"]) == ("timed_out", "timeout"), shown
    assert not cli_house.processes(execution)


def test_a_killed_server_is_followed_by_one_that_takes_the_run_up(cli_house: CliHouse) -> None:
    gate = cli_house.gate()
    turns = [[{"say": "Waiting."}, shell(f'touch "$TMPDIR/in-tool"; {gate.wait}')], {"say": "It was worth it."}]
    server, model = cli_house.serve(), cli_house.model(turns)
    execution = ask(cli_house, server, model, options={"permission_mode": "full"})
    cli_house.await_file("in-tool")
    server.kill()
    heir = cli_house.serve()
    gate.open()
    shown = heir.end_of(execution)
    assert (shown["status"], shown["result"], shown["turns"]) == ("succeeded", "It was worth it.", 2), shown
    assert texts(heir.log(execution), "text") == ["Waiting.", "It was worth it."]
    assert len(model.turns()) == 2


def test_a_hostile_prompt_arrives_byte_for_byte_and_is_seen_by_nobody(cli_house: CliHouse) -> None:
    prompt = HOSTILE + "0123456789\u00e9\n" * 38_400 + "\n"
    server, model = cli_house.serve(), cli_house.model([shell('touch "$TMPDIR/in-tool"; sleep 345')])
    execution = ask(cli_house, server, model, prompt, options={"permission_mode": "full"})
    cli_house.await_file("in-tool")
    running = b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in cli_house.processes(execution))
    assert b"opencode" in running
    assert b"touch x" not in running
    assert b"0123456789" not in running
    assert model.turns()[0]["asked"] == [prompt]
    server.cancel(execution)
    server.end_of(execution)
