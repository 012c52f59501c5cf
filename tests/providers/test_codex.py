"""How Codex CLI is started, and which options it takes or refuses."""

from typing import Any

import pytest

from conselho import errors
from conselho.providers.base import Invocation, Task
from conselho.providers.options import Options
from tests.providers.codex_runs import THREAD, codex


def invocation(prompt: str | None = "Audit this repo", **more: Any) -> Invocation:
    given = {name: more.pop(name) for name in ("argv", "model", "session") if name in more}
    return codex.invocation(Task(prompt=prompt, options=Options(**more), cwd="/repo", **given))


def settings_of(found: Invocation) -> list[str]:
    return [value for flag, value in zip(found.argv, found.argv[1:], strict=False) if flag == "-c"]


def test_it_only_reads_and_asks_nobody_by_default() -> None:
    found = invocation()
    assert found.argv[:2] == ("codex", "exec")
    assert found.argv[-1] == "-", "the prompt is on stdin"
    assert {"--json", "--skip-git-repo-check", "--cd=/repo", "--sandbox=read-only", "--ignore-rules"} <= set(found.argv)
    assert settings_of(found) == [
        'projects={"/repo" = {trust_level = "untrusted"}, "/" = {trust_level = "untrusted"}}',
        'approval_policy="never"',
        "analytics.enabled=false",
        "features.plugins=false",
    ]
    assert (found.stdin, found.notes) == (b"Audit this repo", ())


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


def test_edit_may_write_where_it_works() -> None:
    found = invocation(permission_mode="edit")
    assert {"--sandbox=workspace-write", "--ignore-rules"} <= set(found.argv)
    assert found.notes == ()


def test_full_has_no_sandbox_and_says_so() -> None:
    found = invocation(permission_mode="full")
    assert "--sandbox=danger-full-access" in found.argv
    assert "--ignore-rules" not in found.argv, "what the user forbade stays forbidden"
    assert not [each for each in settings_of(found) if each.startswith("projects.")]
    assert found.notes == ("runs with all permissions: nothing is asked (full)",)


def test_a_model_and_a_session_are_handed_on() -> None:
    found = invocation(model="-m x", session=THREAD)
    assert "--model=-m x" in found.argv
    assert found.argv[-3:] == ("resume", THREAD, "-")


@pytest.mark.parametrize("session", ["nonsense", "--last", "", THREAD + "0"])
def test_what_is_no_session_is_not_begun_anew_in_silence(session: str) -> None:
    with pytest.raises(errors.Invalid, match="no session of Codex"):
        invocation(session=session)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('say "é"\n\\', r'"say \"é\"\n\\"'),
        ("\x01\t\x7f\U0001f600", '"\\u0001\\t\\u007F\U0001f600"'),
    ],
)
def test_a_system_prompt_is_quoted_as_toml_has_it(text: str, quoted: str) -> None:
    assert f"developer_instructions={quoted}" in settings_of(invocation(system_prompt=text))


def test_a_system_prompt_that_no_argument_holds_is_refused() -> None:
    assert settings_of(invocation(system_prompt="\n" * 60_000))
    with pytest.raises(errors.Invalid, match="too long for Codex"):
        invocation(system_prompt="\x01" * 60_000)


def test_tools_are_allowed_and_denied_as_far_as_it_can() -> None:
    found = settings_of(invocation(allowed_tools=("web_search",), denied_tools=("exec_command", "view_image")))
    assert found[4:] == ['web_search="live"', "features.shell_tool=false", "features.view_image=false"]
    both = settings_of(invocation(allowed_tools=("web_search",), denied_tools=("web_search",)))
    assert both[-1] == 'web_search="disabled"', "what is denied is denied, whatever allows it"


def test_plugins_are_there_only_where_they_are_allowed() -> None:
    assert settings_of(invocation(allowed_tools=("plugins",)))[-1] == "features.plugins=true"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"allowed_tools": ("Bash(ls:*)",)}, "permission_mode says"),
        ({"denied_tools": ("apply_patch",)}, "exec_command, goals, multi_agent, view_image, web_search"),
        ({"max_turns": 3}, "give the agent a timeout"),
        ({"max_cost_usd": 1.0}, "give the agent a timeout"),
        ({"mcp_config": "/mcp.json"}, "codex mcp add"),
    ],
)
def test_what_it_has_not_is_refused_with_what_to_do_instead(options: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.Invalid, match=says):
        invocation(**options)


def test_some_arguments_of_its_own_are_let_through_and_come_first() -> None:
    found = invocation(extra_args=("--image", "a.png", "--oss"))
    assert found.argv[2:6] == ("--image", "a.png", "--oss", "--json")


@pytest.mark.parametrize(
    "argument",
    [
        "-c", "--config=sandbox_mode='x'", "--yolo", "--dangerously-bypass-approvals-and-sandbox", "-s", "--add-dir=/",
        "--enable", "--profile", "-p", "resume", "--", "prompt", "--output-schema", "--ephemeral", "--cd=/", "--trust",
    ],
)  # fmt: skip
def test_others_are_refused(argument: str) -> None:
    with pytest.raises(errors.Invalid, match="is not let through to Codex CLI"):
        invocation(extra_args=(argument,))
