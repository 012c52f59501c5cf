"""The real Codex CLI, driven by real servers, against a scripted model: what people see of its runs."""

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import traces
from tests.agent_clis import asking
from tests.agent_clis.asking import codex as ask
from tests.agent_clis.asking import configured
from tests.agent_clis.cli_house import CliHouse, texts
from tests.scripted_model.responses import LIMIT_SECONDS

HOSTILE = '- --help "\'$(touch x)` \\ \u00e9\U0001f600 "\r\n\t{prompt} %s'
CANCEL_SECONDS = 12


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"call": {"name": "exec_command", "input": {"cmd": command} | more}}


def arguments_of(pids: dict[int, str]) -> bytes:
    return b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)


def test_an_answer_has_its_result_session_and_tokens(cli_house: CliHouse) -> None:
    model = cli_house.model([[{"think": "Let me see."}, {"say": "All is well.\nVERDICT: fine"}]])
    server = cli_house.serve()
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"]) == ("succeeded", "success"), shown["summary"]
    assert shown["result"] == "All is well.\nVERDICT: fine"
    assert shown["session"]
    assert (shown["input_tokens"], shown["cached_tokens"], shown["output_tokens"]) == (130, 30, 20)
    assert (shown["turns"], shown["cost_usd"]) == (None, None), "it does not say"
    lines = server.log(execution)
    assert texts(lines, "thinking") == ["Let me see."]
    assert texts(lines, "text") == ["All is well.", "VERDICT: fine"]
    assert len(texts(lines, "result")) == 1
    assert model.turns()[0]["asked"][-1] == "Audit this repo"


def test_an_edit_writes_a_file_and_runs_a_check(cli_house: CliHouse) -> None:
    (cli_house.repo / "Makefile").write_text("check:\n\t@echo it is checked; exit 3\n")
    patch = "apply_patch <<'END'\n*** Begin Patch\n*** Add File: a.txt\n+b\n*** End Patch\nEND"
    turns = [[{"say": "Writing."}, shell(patch)], shell("make -s check"), {"say": "Done"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "edit"}))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "success", "Done"), shown
    assert (cli_house.repo / "a.txt").read_text() == "b\n"
    lines = server.log(execution)
    assert texts(lines, "tool") == [f"apply_patch: add {cli_house.repo}/a.txt", "shell: make -s check"]
    assert "it is checked" in texts(lines, "tool_result")
    called, told = ([line["data"] for line in lines if line["kind"] == kind][-1] for kind in ("tool", "tool_result"))
    assert called["id"] == told["id"]
    assert called["input"] == {"command": "make -s check"}
    assert told["is_error"]
    assert told["duration_seconds"] >= 0


def test_a_plan_only_reads_whatever_was_allowed_for_ever(cli_house: CliHouse) -> None:
    rules = cli_house.home / ".codex" / "rules" / "default.rules"
    rules.parent.mkdir(parents=True)
    rules.write_text('prefix_rule(pattern=["touch"], decision="allow")\n')
    escape = shell("touch taken", sandbox_permissions="require_escalated", justification="please")
    server, model = cli_house.serve(), cli_house.model([shell("touch taken"), escape, {"say": "Done"}])
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert not (cli_house.repo / "taken").exists()
    assert (shown["status"], shown["severity"]) == ("succeeded", "warning"), shown
    assert "refused: shell (1)" in json.dumps(shown), shown
    assert any("approval policy is Never" in text for text in texts(server.log(execution), "warning"))


def test_full_is_told_and_asks_nothing(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([shell('touch "$HOME/taken"'), {"say": "Done"}])
    shown = server.end_of(execution := ask(cli_house, server, model, options={"permission_mode": "full"}))
    assert (shown["status"], shown["severity"]) == ("succeeded", "success"), shown["summary"]
    assert (cli_house.home / "taken").exists()
    assert "runs with all permissions: nothing is asked (full)" in texts(server.log(execution), "system")


def test_what_is_denied_is_not_offered_and_a_system_prompt_is_added(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "Done"}])
    wish = {"denied_tools": ["exec_command", "web_search"], "system_prompt": 'Speak "like"\na \u00e9migr\u00e9.\x7f'}
    server.end_of(ask(cli_house, server, model, model="scripted-2", options=wish))
    (request,) = model.turns()
    assert request["body"]["model"] == "scripted-2"
    offered = {each.get("name", each["type"]) for each in request["body"]["tools"]}
    assert not offered & {"exec_command", "web_search"}, offered
    said = [
        part["text"] for each in request["body"]["input"] if each["role"] == "developer" for part in each["content"]
    ]
    assert 'Speak "like"\na \u00e9migr\u00e9.\x7f' in said


def test_a_conversation_goes_on_and_its_tokens_are_not_taken_for_the_runs_own(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "I shall remember 7."}, {"say": "It was 7."}])
    first = server.end_of(ask(cli_house, server, model, "Remember 7"))
    second = server.end_of(ask(cli_house, server, model, "What was it?", continue_from=first["id"]))
    assert (second["status"], second["result"], second["session"]) == ("succeeded", "It was 7.", first["session"])
    assert (second["input_tokens"], second["output_tokens"]) == (130, 20), "what the thread has had since"
    said = json.dumps(model.turns()[-1]["body"]["input"])
    assert "Remember 7" in said
    assert "I shall remember 7." in said


def test_a_conversation_that_is_gone_is_begun_anew(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"say": "One"}, {"say": "Two"}])
    first = server.end_of(ask(cli_house, server, model))
    for each in (cli_house.home / ".codex" / "sessions").rglob("*.jsonl"):
        each.unlink()
    second = server.end_of(execution := ask(cli_house, server, model, continue_from=first["id"]))
    assert (second["status"], second["result"]) == ("succeeded", "Two"), (second, server.log(execution))
    assert second["session"] not in {None, first["session"]}
    assert second["input_tokens"] == 130


def test_cancelled_in_the_middle_of_a_tool_it_leaves_nothing(cli_house: CliHouse) -> None:
    turns = [shell('touch "$TMPDIR/in-tool"; setsid sleep 34572 & sleep 34572'), {"say": "never"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    execution = ask(cli_house, server, model, options={"permission_mode": "edit"})
    cli_house.await_file("in-tool")
    begun = time.monotonic()
    server.cancel(execution)
    assert server.end_of(execution)["status"] == "cancelled"
    assert time.monotonic() - begun < CANCEL_SECONDS
    assert not cli_house.processes(execution)
    assert not traces.found("sleep\x0034572")


def test_of_a_killed_wrapper_no_program_stays_at_work(cli_house: CliHouse) -> None:
    turns = [shell('touch "$TMPDIR/in-tool"; sleep 34573'), {"say": "never"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    execution = ask(cli_house, server, model, options={"permission_mode": "edit"})
    cli_house.await_file("in-tool")
    os.kill(cli_house.spawned(execution)["pid"], signal.SIGKILL)
    shown = server.end_of(execution)
    assert (shown["status"], shown["reason"]) == ("failed", "signal"), shown
    assert any("left running and ended" in text for text in texts(server.log(execution), "warning"))
    assert not cli_house.processes(execution)
    assert not traces.found("sleep\x0034573")


def test_a_refused_key_is_told_with_how_to_sign_in(cli_house: CliHouse) -> None:
    refusal = {"status": 401, "message": "Incorrect API key provided: dummy.", "times": "always"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal}])
    shown = server.end_of(ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "auth_failed"), shown
    assert "Incorrect API key" in shown["error"]
    assert "codex login" in shown["error"]


def test_no_key_at_all_is_told_with_how_to_sign_in(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([])
    shown = server.end_of(ask(cli_house, server, model, env=None))
    assert (shown["status"], shown["reason"]) == ("failed", "auth_failed"), shown
    assert "sign in" in shown["error"]


def test_a_limit_says_when_it_lifts(cli_house: CliHouse) -> None:
    refusal = {"status": 429, "kind": "usage_limit_reached", "message": "The usage limit has been reached"}
    server, model = cli_house.serve(), cli_house.model([{"fail": refusal | {"times": "always"}}])
    shown = server.end_of(ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "rate_limited"), shown
    left = datetime.fromisoformat(shown["lifts_at"]) - datetime.now(UTC)
    assert timedelta(seconds=LIMIT_SECONDS - 120) < left < timedelta(seconds=LIMIT_SECONDS + 61)


def test_a_question_that_was_asked_again_is_a_warning(cli_house: CliHouse) -> None:
    turns = [[{"say": "half of"}, {"drop": True}], {"say": "Done"}]
    server, model = cli_house.serve(), cli_house.model(turns)
    shown = server.end_of(execution := ask(cli_house, server, model))
    assert (shown["status"], shown["severity"], shown["result"]) == ("succeeded", "warning", "Done"), shown
    assert any("Reconnecting" in text for text in texts(server.log(execution), "warning"))


def test_a_model_that_fails_fails_the_run(cli_house: CliHouse) -> None:
    server, model = cli_house.serve(), cli_house.model([{"fail": {"status": 500, "times": "always"}}])
    shown = server.end_of(ask(cli_house, server, model))
    assert (shown["status"], shown["reason"]) == ("failed", "api_error"), shown


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
    assert b"codex" in running
    assert b"touch x" not in running
    assert b"0123456789" not in running
    assert model.turns()[0]["asked"][-1] == prompt
    server.cancel(execution)
    server.end_of(execution)


@pytest.mark.parametrize(("mode", "is_heeded"), [("plan", False), ("edit", False), ("full", True)])
def test_a_project_configures_only_what_is_trusted(cli_house: CliHouse, mode: str, is_heeded: bool) -> None:
    subprocess.run(["git", "init", "-q", str(cli_house.repo)], check=True)
    server, model, elsewhere = cli_house.serve(), cli_house.model([{"say": "Done"}]), cli_house.model([{"say": "Hm"}])
    own, place = cli_house.repo / ".codex" / "config.toml", cli_house.repo / "deep.er"
    own.parent.mkdir()
    place.mkdir()
    taken = cli_house.scratch / "taken"
    # Where its answers come from, and a program that is started at once.
    own.write_text(
        f'[mcp_servers.x]\ncommand = "touch"\nargs = ["{taken}"]\n'
        f'[model_providers.scripted]\nname = "x"\nbase_url = "{elsewhere.url}/v1"\nwire_api = "responses"\n'
    )
    configured(
        cli_house.home / ".codex" / "config.toml",
        asking.CODEX_CONFIG.format(url=model.url)
        + asking.CODEX_SPARES_TMP
        + f'[projects."{cli_house.repo}"]\ntrust_level = "trusted"\n',  # once, by who looked on
    )
    shown = server.end_of(ask(cli_house, server, model, cwd=str(place), options={"permission_mode": mode}))
    assert taken.exists() == is_heeded, shown
    if not is_heeded:
        assert shown["result"] == "Done", shown
        assert elsewhere.requests() == []
