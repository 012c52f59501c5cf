"""What is true of every analysis: how it is started, how it ends, and what its last line is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conselho.analyses import catalog
from tests.analyses.conftest import GitRepository, analyse


def test_clean_repository_is_a_success_without_findings(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n", "b.json": "{}\n"})

    outcome = repository.analyse(name)

    assert (outcome.exit_code, outcome.complaint) == (0, "")
    assert outcome.severity == "success"
    assert outcome.findings == []
    assert "2 tracked files" in outcome.lines[0]
    assert outcome.lines[-2] == outcome.summary


def test_working_directory_is_the_default_path(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})
    argv = catalog.find(name).argv(repository.root)[:-1]

    done = subprocess.run(argv, cwd=repository.root, capture_output=True, check=True)

    assert str(repository.root) in done.stdout.decode()


def test_folder_in_a_repository_is_all_that_is_looked_at(name: str, repository: GitRepository) -> None:
    repository.make({"one/a.py": "x = 1\n", "two/b.py": "x = 1\n", "two/c.py": "x = 1\n"})

    outcome = analyse(name, repository.root / "two")

    assert "2 tracked files" in outcome.lines[0]


def test_directory_outside_a_repository_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    outcome = analyse(name, tmp_path)

    assert outcome.exit_code == 2
    assert outcome.lines == []
    assert outcome.complaint == f"{name}: {tmp_path} is no git repository: run it inside one or give its path\n"


def test_what_is_no_directory_is_refused(name: str, tmp_path: Path) -> None:
    outcome = analyse(name, tmp_path / "missing", cwd=tmp_path)

    assert outcome.exit_code == 2
    assert "missing is no directory: give the path of a git repository" in outcome.complaint


def test_repository_without_commits_is_refused(name: str, repository: GitRepository) -> None:
    repository.write("a.py", "x = 1\n")

    outcome = repository.analyse(name)

    assert outcome.exit_code == 2
    assert "has no commits yet" in outcome.complaint


def test_repository_without_files_is_refused(name: str, repository: GitRepository) -> None:
    repository.commit()

    outcome = repository.analyse(name)

    assert outcome.exit_code == 2
    assert "holds no file that git tracks" in outcome.complaint


def test_damaged_repository_is_refused(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})
    (repository.root / ".git" / "HEAD").unlink()

    outcome = repository.analyse(name)

    assert outcome.exit_code == 2
    assert "no git repository that git can read" in outcome.complaint


def test_missing_git_ends_as_a_shell_would_say_it(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})

    outcome = analyse(name, repository.root, environment={"PATH": "/nowhere"})

    assert outcome.exit_code == 127
    assert "git is not installed" in outcome.complaint


def test_unknown_option_is_bad_usage(name: str, repository: GitRepository) -> None:
    outcome = repository.analyse(name, "--colour")

    assert outcome.exit_code == 2
    assert "unrecognized arguments: --colour" in outcome.complaint


def test_help_shows_an_example(name: str, tmp_path: Path) -> None:
    outcome = analyse(name, tmp_path, "--help")

    assert outcome.exit_code == 0
    text = " ".join(" ".join(outcome.lines).split())
    assert f"example: python -P -m conselho.analyses.{name} " in text


def test_output_survives_a_locale_without_letters(name: str, repository: GitRepository) -> None:
    repository.make({"ação.py": "x = 1\n"})
    environment = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    outcome = analyse(name, repository.root, environment=environment)

    assert outcome.severity == "success"


def test_reader_that_leaves_is_no_traceback(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(catalog.find(name).argv(repository.root), stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_variables_of_a_hook_do_not_lead_to_another_repository(
    name: str, repository: GitRepository, tmp_path: Path
) -> None:
    repository.make({"a.py": "x = 1\n"})
    elsewhere = {"GIT_DIR": str(tmp_path / "other"), "GIT_WORK_TREE": str(tmp_path), "GIT_INDEX_FILE": "/nowhere"}

    outcome = analyse(name, repository.root, environment=elsewhere)

    assert "1 tracked file" in outcome.lines[0]


def test_linked_working_tree_is_a_repository(name: str, repository: GitRepository, tmp_path: Path) -> None:
    repository.make({"a.py": "x = 1\n"})
    repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"))

    outcome = analyse(name, tmp_path / "linked")

    assert outcome.severity == "success"


def test_repository_is_left_as_it_was(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  # TODO: say more\n", "b.py": "def f(:\n"})
    before = _state(repository.root)

    assert repository.analyse(name).exit_code == 0

    assert _state(repository.root) == before


def test_catalog_starts_programs_that_exist() -> None:
    assert shutil.which(sys.executable)
    for analysis in catalog.ALL:
        *python, module, path = analysis.argv("some/where")
        assert python == [sys.executable, "-P", "-m"]
        assert module == f"conselho.analyses.{analysis.name}"
        assert Path(path).is_absolute()
        assert analysis.description.endswith(".")
        assert analysis.timeout_seconds > 0


def _state(root: Path) -> dict[str, tuple[int, int]]:
    found = ((place, place.stat()) for place in root.rglob("*") if place.is_file())
    return {str(place): (status.st_mtime_ns, status.st_size) for place, status in found}
