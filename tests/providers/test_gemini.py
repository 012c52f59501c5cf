"""Gemini CLI as a provider: what is started, with which policy, and what it refuses."""

import re
import tomllib
from typing import Any

import pytest

from conselho import errors
from conselho.providers.base import Invocation, Task
from conselho.providers.gemini import PROMPT_BYTES_MAX, Gemini
from conselho.providers.options import Options

gemini = Gemini()


def invocation(prompt: str | None = "x", folder: str = "/runs/files", **wish: Any) -> Invocation:
    task = {name: wish.pop(name) for name in ("argv", "model", "session", "new_session") if name in wish}
    return gemini.invocation(Task(prompt=prompt, folder=folder, options=Options(**wish), **task))


def rules(**options: Any) -> list[dict[str, Any]]:
    """The policy's rules, highest first."""
    found = tomllib.loads(invocation(**options).files["policy.toml"]).get("rule", [])
    return sorted(found, key=lambda rule: -int(rule["priority"]))


def test_the_prompt_is_on_stdin_and_nowhere_else() -> None:
    prompt = "--help \"'$(x)`\n\r\t@README.md é😀 "
    found = invocation(prompt)
    assert found.stdin == prompt.encode()
    assert not any("help" in word or "README" in word for word in found.argv)
    assert found.argv[:2] == ("gemini", "--prompt=")


def test_a_session_is_begun_under_our_name_or_continued() -> None:
    assert "--session-id=u-1" in invocation(new_session="u-1").argv
    found = invocation(new_session="u-1", session="-s").argv
    assert "--resume=-s" in found
    assert not any(word.startswith("--session-id") for word in found)


def test_a_model_is_named_where_one_is() -> None:
    assert "--model=-m" in invocation(model="-m").argv
    assert not any(word.startswith("--model") for word in invocation().argv)


@pytest.mark.parametrize(("mode", "approval"), [("plan", "plan"), ("edit", "auto_edit"), ("full", "yolo")])
def test_each_mode_has_its_approval_and_a_policy(mode: str, approval: str) -> None:
    found = invocation(permission_mode=mode)
    assert f"--approval-mode={approval}" in found.argv
    assert "--policy=/runs/files/policy.toml" in found.argv
    assert bool(found.notes) == (mode == "full")


def test_nothing_is_sent_home_and_no_second_process_made() -> None:
    env = invocation().env
    assert (env["GEMINI_TELEMETRY_ENABLED"], env["GEMINI_CLI_NO_RELAUNCH"]) == ("false", "true")


@pytest.mark.parametrize("mode", ["plan", "edit"])
def test_the_policy_of_a_mode_begins_with_no_approval_of_plans_and_ends_with_no(mode: str) -> None:
    found = rules(permission_mode=mode, allowed_tools=("exit_plan_mode",))
    assert (found[0]["toolName"], found[0]["decision"]) == (["enter_plan_mode", "exit_plan_mode"], "deny")
    assert (found[-1]["toolName"], found[-1]["decision"]) == ("*", "deny")
    # Above what a settings file may allow, 300, and below nothing of our own.
    assert found[-1]["priority"] > 300


def test_a_plan_only_reads_and_an_edit_writes_and_runs_checks() -> None:
    plan = [rule for rule in rules() if rule["decision"] == "allow"]
    allowed = {
        name
        for rule in plan
        for name in ([rule["toolName"]] if isinstance(rule["toolName"], str) else rule["toolName"])
    }
    assert {"read_file", "grep_search"} <= allowed
    assert not allowed & {"write_file", "replace", "run_shell_command", "web_fetch", "activate_skill"}
    edit = [rule for rule in rules(permission_mode="edit") if rule["decision"] == "allow"]
    assert any("write_file" in rule["toolName"] for rule in edit)
    (checks,) = [rule["commandPrefix"] for rule in edit if rule["toolName"] == "run_shell_command"]
    assert "make test" in checks
    assert not {"sh", "bash", "rm", "git", "git push", "curl", "npm", "npm run", "make", "python"} & set(checks)


def test_tools_are_allowed_and_denied_by_their_names_denials_first() -> None:
    found = rules(
        allowed_tools=('run_shell_command(echo "é")', "mcp_x_*"), denied_tools=("glob", "run_shell_command(git push *)")
    )
    assert [rule["decision"] for rule in found[1:5]] == ["deny", "deny", "allow", "allow"]
    assert found[2] | {"priority": 0} == {
        "toolName": "run_shell_command", "commandPrefix": "git push", "decision": "deny", "priority": 0,
    }  # fmt: skip
    assert found[3]["commandPrefix"] == 'echo "é"'


@pytest.mark.parametrize("mode", ["plan", "edit"])
def test_no_rule_is_left_out_for_a_pattern_that_looks_slow(mode: str) -> None:
    for rule in rules(permission_mode=mode):
        assert not re.search(r"\([^)]*[*+?{].*\)[*+?{]", rule.get("argsPattern", "")), "as the engine looks"


def test_full_has_only_what_is_denied() -> None:
    assert rules(permission_mode="full") == []
    assert [rule["toolName"] for rule in rules(permission_mode="full", denied_tools=("web_fetch",))] == ["web_fetch"]


@pytest.mark.parametrize(
    "tool", ["*", "", "a b", "glob(x)", "run_shell_command()", "run_shell_command( )", 'x"\n[[rule]]', "x" * 99 + "("]
)
def test_what_is_no_tool_is_refused(tool: str) -> None:
    with pytest.raises(errors.Invalid, match="no tool of Gemini CLI"):
        invocation(allowed_tools=(tool,))


def test_a_system_prompt_becomes_instructions_beside_the_projects_own() -> None:
    found = invocation(system_prompt="Be kind: é")
    assert found.files["GEMINI.md"] == found.files["AGENTS.md"] == "Be kind: é"
    assert "--include-directories=/runs/files" in found.argv
    assert not any(word.startswith("--include") for word in invocation().argv)


@pytest.mark.parametrize(
    "options",
    [{"max_turns": 3}, {"max_cost_usd": 1.0}, {"mcp_config": "/etc/servers.json"}, {"extra_args": ("--yolo",)},
     {"extra_args": ("--approval-mode=yolo",)}, {"extra_args": ("-p", "x")}],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_with_a_sentence(options: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as told:
        invocation(**options)
    assert told.value.sentence.startswith("options.")


@pytest.mark.parametrize("prompt", [None, ""])
def test_it_needs_a_prompt(prompt: str | None) -> None:
    with pytest.raises(errors.Invalid, match="needs a prompt"):
        invocation(prompt)


def test_a_prompt_of_which_it_would_leave_some_unread_is_refused() -> None:
    assert invocation("é" * (PROMPT_BYTES_MAX // 2)).stdin
    with pytest.raises(errors.Invalid, match="8 MiB"):
        invocation("é" * (PROMPT_BYTES_MAX // 2) + "x")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("see @README.md", "has an @"), ("me@example.com", "has an @"), ("/help", "begins with /"),
     ("\\@x @ @. // /x", None),
     ("// a comment", None), ("/* another", None)],
)  # fmt: skip
def test_a_prompt_that_the_cli_may_take_for_more_is_said_to_be_one(prompt: str, words: str | None) -> None:
    found = invocation(prompt)
    assert found.stdin == prompt.encode()
    assert [words in note for note in found.notes if words] == ([True] if words else [])
    assert words or not found.notes


def test_an_argv_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="no argv"):
        invocation(argv=("x",))


def test_a_folder_whose_policy_would_not_be_found_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="comma"):
        invocation(folder="/data,x/files")
