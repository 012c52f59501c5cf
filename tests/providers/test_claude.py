"""How Claude Code is started, and which options it takes or refuses."""

import pytest

from conselho import errors
from conselho.providers.base import Invocation, Task
from conselho.providers.checks import CHECKS, LOOKS
from conselho.providers.options import Options
from tests.providers.claude_runs import SESSION, claude

MADE = "11111111-2222-4333-8444-555555555555"


def invocation(prompt: str | None = "Audit this repo", **more: object) -> Invocation:
    given = {name: more.pop(name) for name in ("argv", "model", "session", "new_session") if name in more}
    task = Task(prompt=prompt, options=Options(**more), cwd="/repo", folder="/run/files", **given)  # type: ignore[arg-type] # a test's own words
    return claude.invocation(task)


def tools_of(found: Invocation) -> list[str]:
    return next(word for word in found.argv if word.startswith("--tools=")).partition("=")[2].split(",")


def denied_by(found: Invocation) -> set[str]:
    words = [word.partition("=")[2] for word in found.argv if word.startswith("--disallowedTools=")]
    return {tool for word in words for tool in word.split(",")}


def test_it_only_reads_and_asks_nobody_by_default() -> None:
    found = invocation()
    usual = {"claude", "-p", "--output-format=stream-json", "--verbose", "--strict-mcp-config"}
    assert usual | {"--permission-prompts=none", "--restricted", "--permission-mode=dontAsk"} <= set(found.argv)
    assert "--add-dir=/repo" in found.argv, "else the CLI would not read the CLAUDE.md of the directory"
    assert not {"Edit", "Write", "NotebookEdit", "WebFetch", "Monitor", "EnterWorktree"} & set(tools_of(found))
    assert {"AskUserQuestion", "CronCreate"} <= denied_by(found)
    assert not [word for word in found.argv if word.startswith("--allowedTools")]
    assert (found.stdin, found.notes, dict(found.files)) == (b"Audit this repo", (), {})
    assert "IS_SANDBOX" not in found.env


@pytest.mark.parametrize("prompt", ["-", "--help", "a\r\nb\0", 'é "$(x)`\\ \U0001f600', "x" * 512_000, " a "])
def test_any_prompt_is_on_stdin_alone(prompt: str) -> None:
    found = invocation(prompt)
    assert found.stdin == prompt.encode()
    assert found.argv == invocation().argv


@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_a_prompt_is_needed(prompt: str | None) -> None:
    with pytest.raises(errors.Invalid, match="needs a prompt"):
        invocation(prompt)


def test_an_argv_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="no argv"):
        invocation(argv=("ls",))


def test_edit_may_change_files_and_run_checks() -> None:
    found = invocation(permission_mode="edit")
    assert "--permission-mode=acceptEdits" in found.argv
    allowed = {word.partition("=")[2] for word in found.argv if word.startswith("--allowedTools=")}
    assert {"Bash(make test)", "Bash(make test *)", "Bash(pytest *)"} <= allowed
    assert not {"Bash(make)", "Bash(make *)", "Bash(npm run *)"} & allowed, "one that deploys is no check"
    assert len(allowed) == 2 * len(CHECKS)
    assert not [rule for rule in allowed for look in LOOKS if look in rule], "it knows them, and where they may look"
    assert {"--restricted", "--add-dir=/repo"} <= set(found.argv), "settings are for those who look on"
    assert {"Edit", "Write", "Read", "Bash"} <= set(tools_of(found))
    assert "AskUserQuestion" in denied_by(found)
    assert found.notes == ()


def test_full_bypasses_permissions_and_says_so() -> None:
    found = invocation(permission_mode="full", denied_tools=("WebFetch",))
    assert "--permission-mode=bypassPermissions" in found.argv
    assert "--restricted" not in found.argv
    assert found.env["IS_SANDBOX"] == "1"
    assert found.notes == ("runs with all permissions: nothing is asked (full)",)
    assert {"WebFetch", "AskUserQuestion"} <= denied_by(found)


@pytest.mark.parametrize("mode", ["plan", "edit"])
def test_nothing_bypasses_permissions_unless_it_is_asked_for(mode: str) -> None:
    found = invocation(permission_mode=mode, allowed_tools=("Bash(curl *)",), max_turns=3)
    assert not [word for word in found.argv if "bypass" in word or "dangerous" in word]
    assert "--allowedTools=Bash(curl *)" in found.argv


def test_what_is_allowed_to_a_plan_is_offered_to_it() -> None:
    found = invocation(allowed_tools=("WebFetch(domain:example.com)", "Write", "mcp__files__read", "Bash(make *)"))
    assert {"WebFetch", "Write"} <= set(tools_of(found))
    assert tools_of(found).count("Bash") == 1
    assert "mcp__files__read" not in tools_of(found), "that list is of the CLI's own tools"
    assert "--allowedTools=mcp__files__read" in found.argv


@pytest.mark.parametrize(
    "rule", ["--dangerously-skip-permissions", "Bash(a", "a b", "(x)", "Bash()", ",", "Read,Write"]
)
@pytest.mark.parametrize("field", ["allowed_tools", "denied_tools"])
def test_what_is_no_tool_is_refused(field: str, rule: str) -> None:
    with pytest.raises(errors.Invalid, match=f"options.{field}.* is no tool of claude"):
        invocation("x", **{field: (rule,)})


def test_limits_model_and_files_are_handed_on() -> None:
    found = invocation(
        model="-m x", max_turns=7, max_cost_usd=0.00001, mcp_config="/etc/m c.json", system_prompt="Hé\n"
    )
    words = {"--model=-m x", "--max-turns=7", "--max-budget-usd=0.000010", "--mcp-config=/etc/m c.json"}
    assert words | {"--append-system-prompt-file=/run/files/system-prompt.txt"} <= set(found.argv)
    assert dict(found.files) == {"system-prompt.txt": "Hé\n"}


def test_a_session_is_continued_or_begun_by_our_name() -> None:
    assert f"--session-id={MADE}" in invocation(new_session=MADE).argv
    found = invocation(new_session=MADE, session=SESSION)
    assert f"--resume={SESSION}" in found.argv
    assert not [word for word in found.argv if word.startswith("--session-id")]


def test_known_arguments_are_let_through_and_others_refused() -> None:
    assert "--effort=high" in invocation(extra_args=("--effort=high", "--safe-mode")).argv
    for given in ("--dangerously-skip-permissions", "--settings={}", "--output-format=text", "--add-dir=/", "--resume"):
        with pytest.raises(errors.Invalid, match="not let through to claude"):
            invocation(extra_args=(given,))


def test_it_is_kept_quiet() -> None:
    env = invocation().env
    assert (
        env["DISABLE_TELEMETRY"] == env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == env["DISABLE_AUTOUPDATER"] == "1"
    )
    assert int(env["CLAUDE_CODE_MAX_RETRIES"]) <= 6, "a refused key must not take minutes"
