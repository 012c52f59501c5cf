"""The real Claude Code, driven by real servers, against a scripted model: what people see of its runs."""

import json
import time
from pathlib import Path
from typing import Any

from tests.acceptance import traces
from tests.agent_clis.asking import claude as ask
from tests.agent_clis.cli_house import CliHouse, texts

HOSTILE = '- --help "\'$(touch x)` \\ \u00e9\U0001f600 "\r\n\t{prompt} %s'
CANCEL_SECONDS = 12
LIFTS = 1_900_000_000  # a moment in 2030


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"call": {"name": "Bash", "input": {"command": command} | more}}


def arguments_of(pids: dict[int, str]) -> bytes:
    return b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)


def test_an_answer_has_its_result_session_tokens_and_cost(cli_house: CliHouse) -> None:
    model = cli_house.model([[{"think": "Let me see."}, {"say": "All is well.\nVERDICT: fine"}]])
    server = cli_house.serve()
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"]) == ("succeeded", "success"), shown
    assert shown["result"] == "All is well.\nVERDICT: fine"
    assert shown["session"]
    assert (shown["input_tokens"], shown["cached_tokens"], shown["output_tokens"], shown["turns"]) == (130, 30, 20, 1)
    assert 0 < shown["cost_usd"] < 0.01
    lines = server.log(execution)
    assert texts(lines, "thinking") == ["Let me see."]
    assert texts(lines, "text") == ["All is well.", "VERDICT: fine"]
    assert len(texts(lines, "result")) == 1
    assert model.turns()[0]["asked"][-1] == "Audit this repo"


def allow_everything(house: CliHouse) -> None:
    """Settings of user and project that let a run do what it likes, and run hooks."""
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": f"touch {house.scratch}/hooked"}]}
    allowed = {"permissions": {"allow": ["Bash(*)", "Write"]}, "hooks": {"PreToolUse": [hook], "SessionStart": [hook]}}
    for place in (house.home, house.repo):
        (place / ".claude").mkdir()
        (place / ".claude" / "settings.json").write_text(json.dumps(allowed))
    (house.repo / "CLAUDE.md").write_text("The word of this project is heliotrope.\n")


def test_a_plan_reads_and_nothing_else_whatever_settings_allow(cli_house: CliHouse) -> None:
    allow_everything(cli_house)
    write = {"call": {"name": "Write", "input": {"file_path": str(cli_house.repo / "b.txt"), "content": "x"}}}
    outside = {"call": {"name": "Read", "input": {"file_path": str(cli_house.home / ".claude" / "settings.json")}}}
    turns = [shell("cat README.md"), shell("touch a.txt"), write, outside, {"say": "Done"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert "not allowed to use" in json.dumps(shown), shown
    assert sorted(each.name for each in cli_house.repo.iterdir()) == [".claude", "CLAUDE.md", "README.md"]
    lines = server.log(execution)
    assert texts(lines, "tool")[:2] == ["Bash: cat README.md", "Bash: touch a.txt"]
    assert texts(lines, "tool_result")[0] == "A small project."
    assert "Bash was not allowed: it was not done" in texts(lines, "warning")
    assert "Read was not allowed: it was not done" in texts(lines, "warning")
    assert "heliotrope" in json.dumps(model.turns()[0]["body"])
    assert not (cli_house.scratch / "hooked").exists()


def test_an_edit_writes_files_and_runs_checks_and_nothing_else(cli_house: CliHouse) -> None:
    allow_everything(cli_house)
    (cli_house.repo / "Makefile").write_text("test:\n\t@echo it is checked; exit 3\n")
    path = cli_house.repo / "a.txt"
    write = {"call": {"name": "Write", "input": {"file_path": str(path), "content": "b\n"}}}
    turns = [
        [{"say": "Writing."}, write],
        shell("make test"),
        shell("make test; curl http://127.0.0.1:1/"),
        shell("touch ../taken"),
        {
            "call": {
                "name": "Write",
                "input": {"file_path": str(cli_house.repo / ".git" / "hooks" / "x"), "content": "x"},
            }
        },
        {"say": "Done"},
    ]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "edit"}))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert path.read_text() == "b\n"
    assert not (cli_house.repo.parent / "taken").exists()
    assert not (cli_house.scratch / "hooked").exists()
    assert "heliotrope" in json.dumps(model.turns()[0]["body"])
    lines = server.log(execution)
    assert texts(lines, "tool")[:2] == [f"Write: {path}", "Bash: make test"]
    assert sum("it is checked" in text for text in texts(lines, "tool_result")) == 1
    refused = [text.partition(" ")[0] for text in texts(lines, "warning")]
    assert refused == ["Bash", "Bash", "Write"]
    called = [line["data"] for line in lines if line["kind"] == "tool"][1]
    told = next(line["data"] for line in lines if line["kind"] == "tool_result" and "it is checked" in line["text"])
    assert called["id"] == told["id"]
    assert called["input"] == {"command": "make test"}
    assert told["is_error"]
    assert told["duration_seconds"] >= 0


def test_full_is_told_and_asks_nothing(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([shell('touch "$HOME/taken"'), {"say": "Done"}])
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "full"}))
    assert (shown["status"], shown["severity"]) == ("succeeded", "success"), shown
    assert (cli_house.home / "taken").exists()
    assert "runs with all permissions: nothing is asked (full)" in texts(server.log(execution), "system")


def test_options_reach_the_cli(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([shell("touch a.txt"), shell("git status"), {"say": "Done"}])
    wish = {
        "allowed_tools": ["Bash(touch a.txt)", "WebFetch"],
        "denied_tools": ["Task", "Bash(git status)"],
        "system_prompt": 'Speak "like"\na \u00e9migr\u00e9.',
        "extra_args": ["--effort=low"],
    }
    shown = server.end_of(ask(cli_house, server, model, options=wish))
    assert (shown["status"], shown["severity"]) == ("succeeded", "warning"), shown
    assert (cli_house.repo / "a.txt").exists()
    body = model.turns()[0]["body"]
    offered = {each["name"] for each in body["tools"]}
    assert {"Bash", "Read", "Grep", "WebFetch"} <= offered
    assert not offered & {"Task", "Write", "Edit", "AskUserQuestion", "EnterWorktree"}, offered
    assert 'Speak "like"\na \u00e9migr\u00e9.' in "".join(each["text"] for each in body["system"])


def test_an_mcp_file_that_is_not_there_is_told(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([])
    shown = server.end_of(ask(cli_house, server, model, options={"mcp_config": "/nowhere/mcp.json"}))
    assert (shown["status"], shown["reason"]) == ("failed", "bad_input"), shown
    assert shown["error"] == "there is no file /nowhere/mcp.json, which its options name"


def test_turns_and_cost_have_their_limits(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([shell("ls"), shell("ls"), shell("ls")])
    first = server.end_of(ask(cli_house, server, model, options={"max_turns": 1}))
    assert (first["status"], first["reason"]) == ("failed", "max_turns"), first
    second = server.end_of(ask(cli_house, server, model, options={"max_cost_usd": 0.00001}))
    assert (second["status"], second["reason"]) == ("failed", "budget"), second
    assert second["cost_usd"] > 0


def test_a_conversation_goes_on_and_only_what_is_new_is_counted(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "I shall remember 7."}, {"say": "It was 7."}])
    first = server.end_of(ask(cli_house, server, model, "Remember 7"))
    second = server.end_of(ask(cli_house, server, model, "What was it?", continue_from=first["id"]))
    assert (second["status"], second["result"], second["session"]) == ("succeeded", "It was 7.", first["session"])
    assert (second["input_tokens"], second["cost_usd"]) == (first["input_tokens"], first["cost_usd"])
    said = json.dumps(model.turns()[-1]["body"]["messages"])
    assert "Remember 7" in said
    assert "I shall remember 7." in said


def test_a_conversation_that_is_gone_is_begun_anew(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "One"}, {"say": "Two"}])
    first = server.end_of(ask(cli_house, server, model))
    for each in (cli_house.home / ".claude" / "projects").rglob("*.jsonl"):
        each.unlink()
    second = server.end_of(execution := ask(cli_house, server, model, continue_from=first["id"]))
    assert (second["status"], second["result"]) == ("succeeded", "Two"), (second, server.log(execution))
    assert second["session"] not in {None, first["session"]}


def test_cancelled_in_the_middle_of_a_tool_it_leaves_nothing(cli_house: CliHouse) -> None:
    turns = [shell('touch "$TMPDIR/in-tool"; setsid sleep 34571 & sleep 34571'), {"say": "never"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    execution = ask(cli_house, server, model, options={"permission_mode": "full"})
    cli_house.await_file("in-tool")
    begun = time.monotonic()
    server.cancel(execution)
    assert server.end_of(execution)["status"] == "cancelled"
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert not cli_house.processes(execution)
    assert not traces.found("sleep\x0034571")


def test_a_refused_key_is_told_with_how_to_sign_in(cli_house: CliHouse) -> None:
    refusal = {"status": 401, "message": "invalid x-api-key", "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal}])
    shown = server.end_of(ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "auth_failed"), shown
    assert "Invalid API key" in shown["error"]
    assert "sign in with /login" in shown["error"]


def test_a_run_that_was_given_up_says_that_its_key_was_refused(cli_house: CliHouse) -> None:
    refusal = {"status": 401, "message": "invalid x-api-key", "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal}])
    shown = cli_house.given_up(server, ask(cli_house, server, model, env={"CLAUDE_CODE_MAX_RETRIES": "10"}))
    assert (shown["status"], shown["reason"]) == ("cancelled", "cancelled"), shown
    assert shown["error"].startswith("cancelled; tried ")
    assert "the API refused its key (authentication_failed): run `claude`" in shown["error"]


def test_no_key_at_all_is_told_with_how_to_sign_in(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([])
    shown = server.end_of(ask(cli_house, server, model, env={"ANTHROPIC_API_KEY": ""}))
    assert (shown["status"], shown["reason"]) == ("failed", "auth_failed"), shown
    assert "sign in with /login" in shown["error"]


def test_a_limit_says_when_it_lifts(cli_house: CliHouse) -> None:
    headers = {
        "retry-after": "3600",
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": str(LIFTS),
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
    }
    refusal = {"status": 429, "message": "limit", "headers": headers, "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal}])
    token = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy"}  # limits are a subscriber's
    shown = server.end_of(ask(cli_house, server, model, env=token))
    assert (shown["status"], shown["reason"]) == ("failed", "rate_limited"), shown
    assert shown["lifts_at"].startswith("2030-03-17T17:46:40"), shown


def test_a_question_that_was_asked_again_is_a_warning(cli_house: CliHouse) -> None:
    turns = [{"fail": {"status": 529, "message": "Overloaded"}}, {"say": "Done"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert any("try 1 of 1" in text for text in texts(server.log(execution), "warning"))


def test_a_silent_model_is_waited_for_until_the_timeout(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([[{"say": "Wait for it"}, {"stall": True}]])
    shown = server.end_of(execution := ask(cli_house, server, model, timeout_seconds=4))
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
    assert (shown["status"], shown["result"], shown["input_tokens"]) == ("succeeded", "It was worth it.", 260), shown
    assert texts(heir.log(execution), "text") == ["Waiting.", "It was worth it."]
    assert len(model.turns()) == 2


def test_a_hostile_prompt_arrives_byte_for_byte_and_is_seen_by_nobody(cli_house: CliHouse) -> None:
    prompt = HOSTILE + "0123456789\u00e9\n" * 38_400 + "\n"
    server, model = cli_house.serve(), cli_house.model([shell('touch "$TMPDIR/in-tool"; sleep 345')])
    execution = ask(cli_house, server, model, prompt, options={"permission_mode": "full"})
    cli_house.await_file("in-tool")
    running = arguments_of(cli_house.processes(execution))
    assert b"claude" in running
    assert b"touch x" not in running
    assert b"0123456789" not in running
    assert model.turns()[0]["asked"][-1] == prompt
    server.cancel(execution)
    server.end_of(execution)
