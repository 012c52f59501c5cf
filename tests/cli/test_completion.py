"""What a shell learns from `conselho completion`, and what it then offers."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import get_completion_class

from conselho.cli import completion, main
from tests.cli.programs import conselho, environment

# Bash itself: it loads the script, then does what it does at TAB behind these words.
_TAB = """
PATH="$1:$PATH"
shift
source <(conselho completion bash) || exit
[[ $(complete -p conselho) == *_conselho_completion* ]] || exit
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
compopt() { echo "compopt $1 $2"; }
_conselho_completion conselho
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(*words: str) -> list[str]:
    told = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", _TAB, "bash", str(Path(sys.executable).parent), *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stderr == ""
    return told.stdout.split("\n")[:-1]


def names(group: click.Command) -> list[str]:
    assert isinstance(group, click.Group)
    return group.list_commands(click.Context(group))


def test_bash_offers_every_command() -> None:
    assert offered("conselho", "") == names(main.conselho)


def test_bash_offers_what_a_command_knows_under_it() -> None:
    executions = main.conselho.get_command(click.Context(main.conselho), "executions")
    assert executions is not None
    assert offered("conselho", "executions", "") == names(executions)
    assert offered("conselho", "executions", "list", "--sev") == ["--severity"]
    assert offered("conselho", "executions", "list", "--severity", "w") == ["warning"]


@pytest.mark.parametrize("option", ["--data-dir", "--cwd"])
def test_bash_offers_directories_where_one_is_wanted(option: str) -> None:
    assert offered("conselho", "run", option, "/us") == ["compopt -o dirnames", ""]


def test_bash_offers_nothing_of_ours_for_what_is_to_be_run() -> None:
    assert offered("conselho", "run", "--", "") == [""]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_script_is_the_one_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["completion", shell]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert f"_CONSELHO_COMPLETE={shell}_complete" in told.out
    assert "_conselho_completion" in told.out
    assert "%(" not in told.out
    assert get_completion_class(shell) is not None


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"_CONSELHO_COMPLETE": "zsh_complete", "COMP_CWORD": "1"}, "plain\nexecutions\n"),
        ({"_CONSELHO_COMPLETE": "fish_complete", "COMP_CWORD": "exec"}, "plain,executions"),
    ],
)
def test_zsh_and_fish_are_answered(variables: dict[str, str], said: str) -> None:
    told = conselho(variables={"COMP_WORDS": "conselho exec", **variables})
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(said)


def test_another_shell_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err
