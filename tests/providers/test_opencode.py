"""How OpenCode is started: argv, environment, stdin and rules, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from conselho import errors
from conselho.providers import options
from conselho.providers.base import Invocation, Task
from conselho.worker import premises
from tests.providers.opencode_runs import opencode


def invoked(given: dict[str, Any] | None = None, **task: Any) -> Invocation:
    whole = {"prompt": "Audit", "cwd": "/srv/project", "folder": "/data/files"} | task
    return opencode.invocation(Task(options=options.of(given), **whole))


def configured(invocation: Invocation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invocation.fixed["OPENCODE_CONFIG_CONTENT"])
    return found


def rules(given: dict[str, Any]) -> dict[str, Any]:
    found = configured(invoked(given))["agent"]["conselho"]["permission"]
    assert json.loads(invoked(given).fixed["OPENCODE_PERMISSION"]) == found, "sub-agents have them too"
    assert isinstance(found, dict)
    return found


def test_the_prompt_is_on_stdin_and_nowhere_else() -> None:
    prompt = '-p "it\'s" {env:HOME} \U0001f600\r\n\n'
    found = invoked(prompt=prompt)
    assert found.stdin == prompt.encode()
    assert not any(prompt.strip() in text for text in (*found.argv, *found.env.values(), *found.fixed.values()))
    assert found.argv[:3] == ("opencode", "run", "--format=json")
    assert "--dir=/srv/project" in found.argv


def test_by_default_it_only_reads_and_is_quiet() -> None:
    found = invoked()
    assert "--auto" not in found.argv
    assert found.notes == ()
    assert found.files == {}
    assert found.env["OPENCODE_DISABLE_AUTOUPDATE"] == found.env["OPENCODE_DISABLE_MODELS_FETCH"] == "1"
    assert found.env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    assert configured(found)["instructions"] == ["/srv/project/AGENTS.md"]
    assert configured(found)["share"] == "disabled"
    assert "OPENCODE_CONFIG" not in found.env
    allowed = {name for name, rule in rules({}).items() if rule != "deny"}
    assert allowed == {"read", "glob", "grep", "list", "lsp", "todowrite", "skill"}
    assert rules({})["*"] == "deny"
    assert next(iter(rules({}))) == "*", "what is broad stands first: the last that fits decides"


def test_an_edit_may_change_files_and_run_checks() -> None:
    found = rules({"permission_mode": "edit"})
    assert next(iter(found["edit"].items())) == ("*", "allow")
    assert found["edit"][".git/*"] == found["edit"][".opencode/*"] == found["edit"]["opencode.json*"] == "deny"
    assert next(iter(found["bash"].items())) == ("*", "deny")
    assert found["bash"]["pytest *"] == found["bash"]["make test *"] == "allow"
    assert "make *" not in found["bash"], "one that deploys is no check"
    assert "ask" not in json.dumps(found), "nobody is there to be asked"


@pytest.mark.parametrize("mode", ["plan", "edit"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".opencode/plugin/a.js", ""),
        (".opencode/plugins/a.ts", ""),
        ("opencode.json", '{"plugin": ["./a.js"]}'),
        ("opencode.jsonc", '{"pl\\u0075gins": ["./a.js"]}'),
        (".opencode/opencode.json", '{"plugins": ["somebody-elses"]}'),
        (".opencode/opencode.jsonc", '{"plugin": ["somebody-elses"]}'),
    ],
)
def test_a_project_with_plugins_is_a_trap(tmp_path: Path, mode: str, name: str, content: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    reason, sentence = premises.broken(invoked({"permission_mode": mode}), str(tmp_path), None) or ("", "")
    assert reason == "permission_needed"
    assert sentence.startswith(f"{path} ")
    assert sentence.endswith("or trust the project with the mode full")


def test_a_project_with_a_plain_configuration_is_none(tmp_path: Path) -> None:
    (tmp_path / "opencode.json").write_text('{"$schema": "https://opencode.ai/config.json", "instructions": ["a.md"]}')
    assert premises.broken(invoked(), str(tmp_path), None) is None


def test_full_is_told() -> None:
    found = invoked({"permission_mode": "full"})
    assert "--auto" in found.argv
    assert found.notes == ("runs with all permissions: nothing is asked (full)",)
    assert "OPENCODE_DISABLE_PROJECT_CONFIG" not in found.env
    assert found.traps == ()
    assert rules({"permission_mode": "full"}) == {}
    assert rules({"permission_mode": "full", "denied_tools": ["bash(git push *)"]}) == {"bash": {"git push *": "deny"}}


def test_named_tools_decide_over_the_mode_and_denials_over_all() -> None:
    found = rules({
        "permission_mode": "edit",
        "allowed_tools": ["bash(git push *)", "github_*", "webfetch", "task"],
        "denied_tools": ["write", "bash(git push --force *)", "read(secret/*)", "task"],
    })  # fmt: skip
    assert found["edit"] == "deny", "writing is editing"
    assert found["webfetch"] == found["github_*"] == "allow"
    assert found["task"] == "deny"
    assert list(found["bash"].items())[-2:] == [("git push *", "allow"), ("git push --force *", "deny")]
    assert list(found["read"].items())[-1] == ("secret/*", "deny")
    assert list(found)[-1] == "task"


@pytest.mark.parametrize("tool", ["*", "Bash", "rm -rf", "(x)", "bash()", "webfetch(https://x)", "-x", "bash(x"])
@pytest.mark.parametrize("field", ["allowed_tools", "denied_tools"])
def test_a_tool_there_is_none_of_is_refused(field: str, tool: str) -> None:
    with pytest.raises(errors.Invalid, match=f"options.{field}"):
        invoked({field: [tool]})


def test_a_session_goes_on_and_a_model_is_named() -> None:
    found = invoked(session="ses_1fab", model="openrouter/anthropic/claude-sonnet")
    assert "--session=ses_1fab" in found.argv
    assert "--model=openrouter/anthropic/claude-sonnet" in found.argv
    assert not any(word.startswith(("--session", "--model")) for word in invoked().argv)


def test_a_system_prompt_is_a_file_of_instructions() -> None:
    found = invoked({"system_prompt": "Be {file:/etc/passwd} kind"})
    assert found.files == {"instructions.md": "Be {file:/etc/passwd} kind"}
    assert configured(found)["instructions"] == ["/srv/project/AGENTS.md", "/data/files/instructions.md"]


def test_nothing_in_the_configuration_is_filled_in() -> None:
    found = invoked({"allowed_tools": ["bash({env:HOME} {file:/etc/passwd})"]})
    assert "{env:" not in found.fixed["OPENCODE_CONFIG_CONTENT"]
    assert "{file:" not in found.fixed["OPENCODE_CONFIG_CONTENT"]
    assert configured(found)["agent"]["conselho"]["permission"]["bash"] == {"{env:HOME} {file:/etc/passwd}": "allow"}


def test_an_mcp_file_is_a_configuration_of_its_own() -> None:
    found = invoked({"mcp_config": "/etc/conselho/mcp.json"})
    assert found.env["OPENCODE_CONFIG"] == "/etc/conselho/mcp.json"
    assert configured(found)["$schema"] == "{file:/etc/conselho/mcp.json}", "so that it must be there"


def test_turns_are_asked_for_and_the_log_says_that_they_cannot_be_forced() -> None:
    found = invoked({"max_turns": 7})
    assert configured(found)["agent"]["conselho"]["steps"] == 7
    assert "7 turns" in found.notes[0]


def test_arguments_of_its_own_are_let_through() -> None:
    assert invoked({"extra_args": ["--variant=high", "--pure"]}).argv[-2:] == ("--variant=high", "--pure")


@pytest.mark.parametrize(
    "argument",
    ["--auto", "--share", "--model=a/b", "-m", "--session=x", "--attach=http://x", "--file=/etc/passwd", "x"],
)
def test_other_arguments_are_refused(argument: str) -> None:
    with pytest.raises(errors.Invalid, match="not let through"):
        invoked({"extra_args": [argument]})


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"prompt": None}, "needs a prompt"),
        ({"prompt": " \n"}, "needs a prompt"),
        ({"argv": ("ls",)}, "takes no argv"),
        ({"model": "sonnet"}, "PROVIDER/MODEL"),
        ({"model": "--auto/x"}, "PROVIDER/MODEL"),
        ({"session": "--auto"}, "no session"),
        ({"session": "a b"}, "no session"),
    ],
)
def test_what_it_cannot_do_is_refused(task: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.Invalid, match=sentence):
        invoked(**task)


def test_a_limit_of_cost_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="no limit of cost"):
        invoked({"max_cost_usd": 1.5})
