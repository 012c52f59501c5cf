"""The project's own check, and what is done where there is none."""

import json
import sys
from pathlib import Path

import pytest

from tests.analyses.conftest import GitRepository
from tests.maintainer.conftest import maintain

PYTHON = sys.executable


def check(place: Path, *argv: str, said: str | None = None) -> list[str]:
    done = maintain(place, "test", environment={"CONSELHO_CHECK": said or json.dumps(argv)})
    return [str(done.exit_code), *done.lines]


@pytest.mark.parametrize(
    ("program", "severity", "summary"),
    [
        ("pass", "success", "The project's check passed."),
        ("raise SystemExit(3)", "error", "The project's check failed: it ended with exit code 3."),
        ("import os; os.kill(os.getpid(), 9)", "error", "The project's check failed: it was ended by SIGKILL."),
    ],
)
def test_the_exit_code_of_the_check_decides(tmp_path: Path, program: str, severity: str, summary: str) -> None:
    outcome = maintain(tmp_path, "test", environment={"CONSELHO_CHECK": json.dumps([PYTHON, "-c", program])})
    assert (outcome.severity, outcome.summary) == (severity, summary)


def test_its_output_is_passed_on_and_the_verdict_has_a_line_of_its_own(tmp_path: Path) -> None:
    program = "import sys; sys.stdout.write('out\\nVERDICT: no end')"
    lines = check(tmp_path, PYTHON, "-c", program)
    assert lines[0] == "0"
    assert lines[2:4] == ["out", "VERDICT: no end"]
    assert lines[-1].startswith('VERDICT: {"severity":"success"')


def test_no_shell_is_between(tmp_path: Path) -> None:
    lines = check(tmp_path, PYTHON, "-c", "import sys; print(sys.argv[1:])", "$(touch ran); *", "two words")
    assert "['$(touch ran); *', 'two words']" in lines
    assert list(tmp_path.iterdir()) == []


def test_the_check_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    outcome = maintain(tmp_path, "test", "--check", PYTHON, "-c", "print('--help')", "--help")
    assert outcome.severity == "success"
    assert "--help" in outcome.lines


def test_a_check_that_cannot_be_started_is_said_in_a_sentence(tmp_path: Path) -> None:
    outcome = maintain(tmp_path, "test", "--check", "no-such-program-of-ours")
    assert outcome.exit_code == 1
    assert outcome.complaint == (
        "maintainer: no-such-program-of-ours cannot be started: No such file or directory: mend the project's check\n"
    )


@pytest.mark.parametrize("said", ["make test", "[]", '["a", 1]', '{"a": 1}', "[" * 100_000])
def test_a_check_that_is_no_list_of_words_is_bad_usage(tmp_path: Path, said: str) -> None:
    outcome = maintain(tmp_path, "test", environment={"CONSELHO_CHECK": said})
    assert outcome.exit_code == 2
    assert "CONSELHO_CHECK is no JSON array of words" in outcome.complaint


def test_without_a_check_what_can_be_parsed_is_parsed(repository: GitRepository) -> None:
    repository.make({"a.py": "import nothing_of_that_name\n", "b.toml": "a =\n", "c.json": "{}", "d.txt": "x"})

    outcome = maintain(repository.root, "test")

    assert outcome.severity == "error"
    assert [(finding["file"], finding["line"]) for finding in outcome.findings] == [("b.toml", 1)]
    assert outcome.summary == (
        "1 file does not parse, of 3 Python, JSON, TOML or YAML files. The project has no check of its own."
    )
    assert repository.git("status", "--porcelain", "--ignored") == ""


def test_that_all_parses_is_a_success(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})
    outcome = maintain(repository.root, "test")
    assert outcome.severity == "success"
    assert outcome.summary == "All parse: 1 Python, JSON, TOML or YAML file. The project has no check of its own."


def test_that_nothing_could_be_tested_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    assert maintain(tmp_path, "test").severity == "warning"
