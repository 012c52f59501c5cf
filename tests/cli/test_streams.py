"""Commands whose standard streams are closed, full, read by nobody or of another encoding."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conselho import settings as settings_module
from tests.cli.programs import PROGRAM, conselho, environment
from tests.cli.stage import IDENTITY, Script, Stage, finished
from tests.cli.test_attend import on_terminal

FOLLOW = "follow it with `conselho executions log -f 0000abcd`, end it with `conselho executions cancel 0000abcd`"

# Ways of a terminal to speak no UTF-8, and what it is decoded by.
ENCODINGS = {
    "latin-1": ("latin-1", {"PYTHONIOENCODING": "latin-1"}),
    "ascii": ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
}
foreign_terminals = pytest.mark.parametrize("kind", ENCODINGS)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def place(tmp_path: Path, script: Script) -> Iterator[str]:
    with Stage(settings_module.load({"data_dir": tmp_path}, environ={}).socket_path, script):
        yield str(tmp_path)


def redirected(how: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command with streams as a shell gives them."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {how}', "sh", *PROGRAM, *arguments],
        env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_run_without_standard_streams_still_exits_with_its_code(place: str, script: Script, closed: str) -> None:
    script.texts, script.kinds = ["out", "err"], ["stdout", "stderr"]
    script.end = finished(status="failed", exit_code=7)
    told = redirected(closed, "run", "--data-dir", place, "--prompt", "-", "--", "x")
    assert told.returncode == 7
    assert told.stdout == ("" if ">&-" in closed.split() else "out\n")
    assert told.stderr == ("" if "2>&-" in closed else "err\n")
    assert script.posted[0][1]["prompt"] == ""


@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [
        (">&-", ["--help"], 0),
        ("2>&-", ["--help"], 0),
        ("<&-", ["--version"], 0),
        (">&-", ["executions", "list"], 0),
        ("2>&-", ["executions", "list"], 0),
        ("2>&-", ["nope"], 2),
        (">&- 2>&-", ["nope"], 2),
    ],
)
def test_a_closed_stream_changes_no_exit_code_and_breaks_nothing(
    tmp_path: Path, closed: str, arguments: list[str], code: int
) -> None:
    told = redirected(closed, "--data-dir", str(tmp_path / "none"), *arguments)
    assert told.returncode == code
    assert "Traceback" not in told.stderr


@foreign_terminals
def test_a_terminal_that_speaks_no_utf8_shows_what_it_can(place: str, script: Script, kind: str) -> None:
    encoding, variables = ENCODINGS[kind]
    script.texts, script.waits_for_cancel = ["\u00e9\u2713\U0001f600"], True
    script.end = finished(severity="warning", summary="\u00e9")
    seen, code = on_terminal(
        "run", "--data-dir", place, "--", "x", until="queued", then=script.cancelled.set, encoding=encoding, **variables
    )
    letter = "\u00e9" if kind == "latin-1" else "?"
    assert f"{letter}+?\r\n" in seen
    assert f"! succeeded after 1.0 s\x1b[0m: {letter}" in seen
    assert code == 0


@foreign_terminals
def test_a_table_on_such_a_terminal_has_its_columns(place: str, script: Script, kind: str) -> None:
    encoding, variables = ENCODINGS[kind]
    script.listed = [finished(title="t" * 200)]
    seen, code = on_terminal("executions", "list", "--data-dir", place, encoding=encoding, **variables)
    assert code == 0
    assert "+ success" in seen


def test_a_prompt_on_stdin_is_utf8_whatever_the_locale(place: str, script: Script) -> None:
    _, variables = ENCODINGS["ascii"]
    told = conselho("run", "--data-dir", place, "--prompt", "-", "--", "x", stdin="l\u00ednea", variables=variables)
    assert (told.returncode, told.stderr) == (0, "")
    assert script.posted[0][1]["prompt"] == "l\u00ednea"


@foreign_terminals
def test_json_in_a_pipe_is_utf8_whatever_the_locale(place: str, script: Script, kind: str) -> None:
    script.shown = finished(title="\u00e9\u2713")
    told = conselho("executions", "show", "--json", IDENTITY, "--data-dir", place, variables=ENCODINGS[kind][1])
    assert "\u00e9\u2713" in told.stdout
    assert told.returncode == 0


def test_a_full_disk_behind_stdout_is_named_and_the_run_goes_on(place: str, script: Script) -> None:
    script.texts = ["out"]
    told = redirected(">/dev/full", "run", "--data-dir", place, "--", "x")
    assert told.returncode == 1
    why = "standard output cannot be written: no space left on device"
    assert told.stderr == f"conselho: {why}; the run goes on: {FOLLOW}\n"


def test_of_a_run_that_has_ended_it_is_said_that_it_has(place: str, script: Script) -> None:
    script.texts, script.shown = ["out"], finished(status="timed_out")
    told = redirected(">/dev/full", "run", "--data-dir", place, "--", "x")
    assert told.stderr.endswith("; the run has ended, timed out: read it with `conselho executions log 0000abcd`\n")


def test_a_full_disk_behind_stderr_costs_only_what_would_stand_there(place: str, script: Script) -> None:
    script.texts, script.kinds = ["err", "out", "err"], ["stderr", "stdout", "stderr"]
    script.end = finished(status="failed", exit_code=7)
    told = redirected("2>/dev/full", "run", "--data-dir", place, "--", "x")
    assert (told.returncode, told.stdout) == (7, "out\n")


@pytest.mark.parametrize("arguments", [["--help"], ["executions", "list", "--json"], ["doctor"]])
def test_a_full_disk_is_one_sentence_of_any_command(tmp_path: Path, arguments: list[str]) -> None:
    told = redirected(">/dev/full", "--data-dir", str(tmp_path / "none"), *arguments)
    assert told.stderr == "conselho: standard output cannot be written: no space left on device\n"
    assert told.returncode == 1


def test_a_reader_that_went_away_is_told_how_to_find_the_run(place: str, script: Script) -> None:
    script.texts = ["1", "2"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        told = subprocess.run(
            [*PROGRAM, "run", "--data-dir", place, "--", "x"],
            env=environment(), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert told.returncode == 141
    assert told.stderr == f"conselho: nobody reads the output any more; the run goes on: {FOLLOW}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["executions", "list", "--json"]])
def test_a_reader_that_goes_away_ends_a_command_as_it_would_end_any(place: str, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        told = subprocess.run(
            [*PROGRAM, "--data-dir", place, *arguments],
            env=environment(), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (told.returncode, told.stderr) == (141, "")


@pytest.mark.parametrize(("is_ignored", "code"), [(False, -signal.SIGINT), (True, 3)])
def test_an_interrupt_while_the_program_is_read_from_disk_ends_it_without_a_word(
    tmp_path: Path, is_ignored: bool, code: int
) -> None:
    text = "import os, signal, sys\nos.kill(os.getpid(), signal.SIGINT)\nsys.exit(3)\n"
    (tmp_path / "click.py").write_text(text, encoding="utf-8")
    ignoring = "trap '' INT; " if is_ignored else ""
    told = subprocess.run(
        ["sh", "-c", f'{ignoring}exec "$@"', "sh", sys.executable, "-m", "conselho", "--help"],
        env=environment(PYTHONPATH=str(tmp_path)), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (code, "")


def test_the_installed_program_begins_where_the_module_does() -> None:
    """So that what holds of one holds of the other."""
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    assert 'conselho = "conselho.__main__:main"' in pyproject.read_text(encoding="utf-8")
