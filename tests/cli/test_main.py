import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conselho.cli import main, options, run
from conselho.executions import request
from tests.cli.programs import conselho


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(main.conselho))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_ends_with_an_example_that_can_be_typed(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*path, "--help"]) == 0
    example = capsys.readouterr().out.rstrip().rpartition("Example:")[2]
    assert f"conselho {path[0]}" in example
    for line in example.strip().splitlines():
        typed = line.strip().rpartition("| ")[2].split()
        assert typed[0] == "conselho"
        assert (typed[1],) in ALL


def test_help_lists_every_command_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for (name, *rest), command in ALL.items():
        if not rest:
            assert f"  {name} " in shown
            assert command.short_help in shown  # type: ignore[operator]


@pytest.mark.parametrize("path", [path for path in ALL if isinstance(ALL[path], click.Group)], ids=" ".join)
def test_a_group_lists_each_of_its_commands_with_a_whole_sentence(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*path, "--help"]) == 0
    _, _, listed = capsys.readouterr().out.partition("Commands:\n")
    shown = " ".join(listed.partition("Example:")[0].split())
    names = [known[-1] for known in ALL if known[:-1] == path]
    assert names
    for name in names:
        assert re.search(rf"\b{name} [A-Z][^.]*\w\.", shown)
    assert "..." not in shown


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_what_an_option_is_by_default_is_said_where_its_line_ends(path: tuple[str, ...]) -> None:
    told = {
        each.name: (each.help or "", str(each.default))
        for each in ALL[path].params
        if isinstance(each, click.Option) and isinstance(each.default, int) and not each.is_flag
    }
    assert {name: line for name, (line, default) in told.items() if not line.endswith(f"({default}).")} == {}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_number_is_asked_for_within_bounds_and_in_words(path: tuple[str, ...]) -> None:
    bounded = [each for each in ALL[path].params if isinstance(each.type, click.IntRange)]
    assert [each.name for each in bounded if not isinstance(each.type, options.Number)] == []


def test_the_highest_priority_is_that_of_the_server() -> None:
    assert run.PRIORITY_MAX == request.PRIORITY_MAX


HEAVY = ("fastapi", "sqlalchemy", "uvicorn", "httpx", "pydantic", "rich", "alembic")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["executions", "list", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        f"import sys; from conselho.cli import main; main.run({arguments!r});"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "there is no command 'nope': try run, executions"),
        (["--nope"], "no such option '--nope' (see `conselho --help`)"),
        (
            ["executions", "nope"],
            "there is no command 'nope': try cancel, list, log, retry, show (see `conselho executions --help`)",
        ),
        (["run", "--timeout", "soon", "--", "x"], "'soon' is no duration: write 90, 90s, 5m, 2h or 7d"),
        (["run", "--timeout", "8d", "--", "x"], "8d is outside 1 second to 7 days"),
        (["run"], "say what to run, after `--`: conselho run -- make test"),
        (["run", "--agent", "reviewer", "--", "x"], "there is no agent 'reviewer'"),
        (["run", "--provider", "oracle", "--", "x"], "invalid value for '--provider': 'oracle' is not one of"),
        (["run", "--env", "=1", "--", "x"], "names no variable"),
        (["run", "--env", "CERTAINLY_NOT_SET", "--", "x"], "it is not set here; write CERTAINLY_NOT_SET=VALUE"),
        (
            ["run", "--accept-exit", "256", "--", "x"],
            "'256' is no whole number from 0 to 255 (see `conselho run --help`)",
        ),
        (["run", "--priority", "1001", "--", "x"], "'1001' is no whole number from -1000 to 1000"),
        (["run", "--title", "x" * 201, "--", "x"], "invalid value for '--title': it is longer than 200 characters"),
        (["run", "--env", f"A={'x' * 200_000}", "--", "x"], "conselho: --env is larger than 128 KiB"),
        (["run", "--title", "\udcff", "--", "x"], "invalid value for '--title': '\\udcff' is not UTF-8 text"),
        (["run", "--env", "A=\udcff", "--", "x"], "--env: 'A=\\udcff' is not UTF-8 text"),
        (["run", "--prompt", "\udcff", "--", "x"], "--prompt: '\\udcff' is not UTF-8 text"),
        (["run", "--", "x", "\udcff"], "ARGV: '\\udcff' is not UTF-8 text"),
        (["run", "--cwd", "\udcff", "--", "x"], "--cwd: '"),
        (["run", "--cwd", "", "--", "x"], "invalid value for '--cwd': it is empty: name a directory"),
        (["run", "--", ""], "conselho: ARGV must be valid text without NUL, and its first element must not be empty"),
        (["executions", "list", "--query", "\udcff"], "invalid value for '--query': '\\udcff' is not UTF-8 text"),
        (["executions", "list", "--agent", "\udcff"], "invalid value for '--agent': '\\udcff' is not UTF-8 text"),
        (["agents", "list", "--after", "\udcff"], "invalid value for '--after': '\\udcff' is not UTF-8 text"),
        (["executions", "list", "--since", "soon"], "'soon' is no moment"),
        (["executions", "list", "--limit", "0"], "'0' is no whole number from 1 to 200"),
        (["executions", "list", "--limit", "abc"], "'abc' is no whole number from 1 to 200"),
        (["executions", "log", "ffff", "--after", "2147483648"], "is no whole number from 0 to 2147483647"),
        (["executions", "log", "ffff", "--kind", "bogus"], "'bogus' is not one of 'system', 'command'"),
        (["demo", "--agent", "nobody"], "'nobody' is not one of 'claude', 'codex', 'gemini', 'opencode'"),
        (["demo", "--repo", "/nowhere/at/all"], "is no directory: give the path of a git repository"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_2(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CONSELHO_DATA_DIR", str(tmp_path / "none"))
    assert main.run(arguments) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.startswith("conselho: ")
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_an_unknown_setting_is_one_sentence_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONSELHO_SEATZ", "4")
    assert main.run(["doctor"]) == 2
    assert "CONSELHO_SEATZ is no setting" in capsys.readouterr().err


def test_python_m_conselho_is_conselho() -> None:
    told = conselho("--version")
    assert told.returncode == 0
    assert told.stdout.startswith("conselho 0.")


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "conselho", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
