"""What every provider starts: the prompt on stdin alone, options mapped or refused, nothing bypassed unasked."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from conselho import errors
from conselho.providers import registry
from conselho.providers.base import Invocation, Provider
from conselho.providers.options import MODES, Options
from tests.providers.conformance.kinds import CLIS, PROVIDERS, task, task_of

# As CLIs call it when nothing is asked any more; a new one adds its word.
BYPASSING = (
    "bypasspermissions", "dangerously", "yolo", "danger-full-access", "is_sandbox", "approval_policy=never+full",
)  # fmt: skip
PROMPTS = [
    "-p --help",
    "--yolo",
    "{prompt}",
    'it\'s "quoted" $(reboot) `id` \\ %s',
    "one\ntwo\r\nthree\n",
    "emoji 👩‍👩‍👧‍👦 und Übermut",
    "x" * 500_000,
]
OTHERS: dict[str, Any] = {
    "allowed_tools": ("Bash(make test)",), "denied_tools": ("WebFetch",), "max_turns": 7, "max_cost_usd": 1.5,
    "system_prompt": "Be brief, said the raven.", "mcp_config": "/srv/servers.json",
}  # fmt: skip
of_each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
of_each_cli = pytest.mark.parametrize("provider", CLIS, ids=lambda provider: provider.name)


def words(made: Invocation) -> Iterator[str]:
    """Everything that it is told beside its stdin."""
    yield from made.argv
    for name, value in (*made.env.items(), *made.fixed.items(), *made.files.items()):
        yield f"{name}={value}"


@of_each
def test_it_is_found_by_its_name_and_its_lines_have_a_limit(provider: Provider) -> None:
    assert registry.find(provider.name) is provider
    assert 64 * 1024 <= provider.line_bytes_max <= 64 * 1024 * 1024


@of_each
def test_the_same_task_is_the_same_invocation(provider: Provider) -> None:
    assert provider.invocation(task_of(provider)) == provider.invocation(task_of(provider))


@of_each_cli
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: repr(prompt[:12]))
def test_a_prompt_arrives_on_stdin_byte_for_byte_and_nowhere_else(provider: Provider, prompt: str) -> None:
    made = provider.invocation(task(prompt))
    assert made.stdin == prompt.encode()
    assert not any(prompt == word or (len(prompt) > 12 and prompt in word) for word in words(made))


@of_each_cli
def test_its_program_is_what_is_started(provider: Provider) -> None:
    assert provider.program is not None
    assert provider.invocation(task()).argv[0] == provider.program.name
    assert provider.program.keys
    assert provider.program.install
    assert provider.program.sign_in


@of_each_cli
@pytest.mark.parametrize(
    "changes", [{"prompt": None}, {"prompt": ""}, {"argv": ("ls",)}], ids=["no prompt", "an empty one", "arguments"]
)
def test_no_prompt_and_arguments_are_refused_in_one_sentence(provider: Provider, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as refused:
        provider.invocation(task(**changes))
    assert "\n" not in refused.value.sentence


@of_each_cli
@pytest.mark.parametrize("mode", ["plan", "edit"])
def test_nothing_is_bypassed_unless_it_is_said(provider: Provider, mode: str) -> None:
    made = provider.invocation(task(options=Options(permission_mode=mode)))
    said = " ".join(words(made)).lower()
    assert [word for word in BYPASSING if word in said] == []
    assert not any("(full)" in note for note in made.notes)


@of_each_cli
def test_the_default_is_to_plan_each_mode_is_another_and_full_says_so(provider: Provider) -> None:
    made = {mode: provider.invocation(task(options=Options(permission_mode=mode))) for mode in MODES}
    assert made["plan"] == provider.invocation(task())
    told = {(each.argv, *each.env.items(), *each.fixed.items(), *each.files.items()) for each in made.values()}
    assert len(told) == len(MODES)
    assert made["full"].notes[0].endswith("(full)")


@of_each_cli
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("mode", MODES)
def test_an_option_is_mapped_or_refused_in_one_sentence(provider: Provider, name: str, mode: str) -> None:
    plain = Options(permission_mode=mode)
    asked = dataclasses.replace(plain, **{name: OTHERS[name]})
    made, refusal = None, None
    try:
        made = provider.invocation(task(options=asked))
    except errors.Invalid as refused:
        refusal = refused.sentence
    if refusal is not None:
        assert ": " in refusal  # what it cannot, and what to do instead
        assert "\n" not in refusal
    elif (mode, name) != ("full", "allowed_tools"):  # there is nothing left to allow
        assert made != provider.invocation(task(options=plain))


@of_each_cli
@pytest.mark.parametrize("mode", MODES)
def test_a_model_is_mapped(provider: Provider, mode: str) -> None:
    made = provider.invocation(task(options=Options(permission_mode=mode), model="maker/large-1"))
    assert any("large-1" in word for word in words(made))


@of_each_cli
@pytest.mark.parametrize("value", ["--yolo", "-z", "--dangerously-skip-permissions"])
@pytest.mark.parametrize("name", ["model", "allowed_tools", "denied_tools", "system_prompt"])
def test_what_somebody_writes_is_never_an_argument_of_its_own(provider: Provider, name: str, value: str) -> None:
    options = Options()
    if name != "model":
        given: dict[str, Any] = {name: (value,) if name.endswith("tools") else value}
        options = dataclasses.replace(options, **given)
    try:
        made = provider.invocation(task(options=options, model=value if name == "model" else None))
    except errors.Invalid:
        return
    assert value not in made.argv


@of_each_cli
@pytest.mark.parametrize(
    "argument",
    ["--dangerously-skip-permissions", "--yolo", "--permission-mode=bypassPermissions", "--output-format=text",
     "--resume=x", "--session-id=x", "--settings=x", "-c", "--config=x", "prompt", "-", "--"],
)  # fmt: skip
def test_arguments_that_are_ours_to_say_are_not_let_through(provider: Provider, argument: str) -> None:
    with pytest.raises(errors.Invalid, match="extra_args"):
        provider.invocation(task(options=Options(extra_args=(argument,))))


@of_each_cli
def test_a_session_is_named_where_it_is_to_be_continued_and_only_there(provider: Provider) -> None:
    session = "7c0c2a10-0000-4000-8000-00000000000c"
    assert any(session in word for word in provider.invocation(task(session=session)).argv)
    assert not any(session in word for word in words(provider.invocation(task())))


@of_each_cli
@pytest.mark.parametrize("mode", MODES)
def test_files_have_plain_names_and_what_names_them_is_their_folder(provider: Provider, mode: str) -> None:
    options = Options(permission_mode=mode)
    try:
        made = provider.invocation(task(options=dataclasses.replace(options, system_prompt="Be brief.")))
    except errors.Invalid:
        made = provider.invocation(task(options=options))
    for name in made.files:
        assert "/" not in name
        assert name not in {".", ".."}
