"""Files that are mended in place, whole or not at all."""

import json
import os
import stat
from pathlib import Path

import pytest

from conselho.maintainer import judging, replacing
from tests.analyses.conftest import GitRepository
from tests.maintainer.conftest import maintain


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def test_what_plan_names_is_mended_and_then_there_is_nothing_more(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  \n\n\n", "b.json": '{"a": 1}', "c.md": "a\r\nb\nc\n", "good.py": "x = 1\n"})
    planned = maintain(repository.root, "plan")

    done = maintain(repository.root, "implement")

    assert planned.severity == "warning"
    assert done.severity == "success"
    assert [line for line in done.lines if line.startswith("changed")] == [
        "changed `a.py`: trailing white space in 1 line, empty lines at the end (2)",
        "changed `b.json`: no new line at the end",
        "changed `c.md`: mixed line ends in 1 line",
    ]
    assert done.summary == "Mended 5 faults in 3 files."
    assert contents(repository.root) == {
        "a.py": b"x = 1\n",
        "b.json": b'{"a": 1}\n',
        "c.md": b"a\nb\nc\n",
        "good.py": b"x = 1\n",
    }
    again = maintain(repository.root, "implement")
    assert again.summary == "Nothing was changed in 4 text files."
    assert maintain(repository.root, "plan").summary == "Nothing to be mended in 4 text files."


def test_new_files_are_mended_and_ignored_ones_are_not(repository: GitRepository) -> None:
    repository.make({".gitignore": "build/\n"})
    for path in ("new.py", "build/made.py"):
        (repository.root / path).parent.mkdir(exist_ok=True)
        (repository.root / path).write_text("x = 1  \n")

    maintain(repository.root, "implement")

    assert (repository.root / "new.py").read_text() == "x = 1\n"
    assert (repository.root / "build" / "made.py").read_text() == "x = 1  \n"


def test_mode_and_line_ends_and_letters_are_kept(repository: GitRepository) -> None:
    place = repository.root / "run.py"
    repository.make({"run.py": "\ufeffx = 'é'  \r\ny = 1\r\n".encode()})
    place.chmod(0o751)

    maintain(repository.root, "implement")

    assert place.read_bytes() == "\ufeffx = 'é'\r\ny = 1\r\n".encode()
    assert stat.S_IMODE(place.stat().st_mode) == 0o751


def test_read_only_files_are_left_and_told(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  \n"})
    (repository.root / "a.py").chmod(0o444)

    done = maintain(repository.root, "implement")

    assert (repository.root / "a.py").read_text() == "x = 1  \n"
    assert done.severity == "warning"
    assert done.findings[0]["title"] == "not mended: it is read-only"
    assert done.summary == "Nothing was changed in 1 text file. 1 file could not be mended."


def test_only_what_lies_below_is_touched(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  \n", "web/b.py": "x = 1  \n", "web/c/d.py": "x = 1  \n"})

    done = maintain(repository.root / "web", "implement")

    assert done.summary == "Mended 2 faults in 2 files."
    assert (repository.root / "a.py").read_text() == "x = 1  \n"
    assert (repository.root / "web" / "c" / "d.py").read_text() == "x = 1\n"


def test_a_plain_directory_is_worked_in_but_for_folders_of_tools(tmp_path: Path) -> None:
    for path in ("a.py", ".github/b.yml", ".venv/c.py", "node_modules/d.js", "cache/e.py", "other/f.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x: 1  \n" if path.endswith("yml") else "x = 1  \n")
    (tmp_path / "cache" / "CACHEDIR.TAG").touch()
    (tmp_path / "other" / ".git").mkdir()

    done = maintain(tmp_path, "implement")

    assert done.summary == "Mended 2 faults in 2 files."
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    assert (tmp_path / ".github" / "b.yml").read_text() == "x: 1\n"


def test_a_directory_that_a_repository_ignores_is_a_plain_one(repository: GitRepository) -> None:
    repository.make({".gitignore": "work/\n"})
    (repository.root / "work").mkdir()
    (repository.root / "work" / "a.py").write_text("x = 1  \n")

    assert maintain(repository.root / "work", "implement").summary == "Mended 1 fault in 1 file."


def test_what_the_project_says_of_its_files_holds(repository: GitRepository) -> None:
    repository.make(
        {
            ".gitattributes": "*.json -text\nwin.py eol=crlf\nmade/** linguist-generated\nkept.py -whitespace\n",
            ".editorconfig": "root = true\n[spaces.py]\ntrim_trailing_whitespace = false\n",
            "a.json": "{}",
            "kept.py": "x = 1  \n\n",
            "made/a.py": "x = 1  \n",
            "spaces.py": "x = 1  \n\n",
        }
    )
    (repository.root / "win.py").write_bytes(b"x = 1\r\ny = 2\nz = 3\n")

    maintain(repository.root, "implement")

    assert contents(repository.root) | {".gitattributes": b"", ".editorconfig": b""} == {
        ".gitattributes": b"",
        ".editorconfig": b"",
        "a.json": b"{}",
        "kept.py": b"x = 1  \n\n",
        "made/a.py": b"x = 1  \n",
        "spaces.py": b"x = 1  \n",
        "win.py": b"x = 1\r\ny = 2\r\nz = 3\r\n",
    }


def test_imports_are_mended_where_the_project_asks_ruff(repository: GitRepository) -> None:
    source = "import sys\nimport os  \n\nprint(os.name)\n"
    configured = {"api/ruff.toml": 'lint.select = ["I", "F401", "E"]\n', "api/a.py": source}
    repository.make({**configured, "api/__init__.py": "import os\n", "other/a.py": source})

    planned = maintain(repository.root, "plan")
    maintain(repository.root, "implement")

    assert "- `api/a.py:1` unsorted imports" in planned.lines
    assert "- `api/a.py:1` unused imports" in planned.lines
    assert (repository.root / "api" / "a.py").read_text() == "import os\n\nprint(os.name)\n"
    assert (repository.root / "api" / "__init__.py").read_text() == "import os\n"
    assert (repository.root / "other" / "a.py").read_text() == source.replace("  \n", "\n")
    assert maintain(repository.root, "implement").summary.startswith("Nothing was changed")


def test_rules_that_the_project_has_not_switched_on_are_not_ours(repository: GitRepository) -> None:
    source = "import sys\nimport os\n"
    repository.make({"pyproject.toml": '[tool.ruff.lint]\nselect = ["E"]\n', "a.py": source})

    assert maintain(repository.root, "implement").summary.startswith("Nothing was changed")


@pytest.mark.parametrize("meanwhile", ["changed", "linked", "gone", "a pipe"])
def test_what_became_something_else_meanwhile_is_not_replaced(tmp_path: Path, meanwhile: str) -> None:
    place, outside = tmp_path / "here" / "a.py", tmp_path / "outside.py"
    place.parent.mkdir()
    place.write_bytes(b"x = 1  \n")
    outside.write_bytes(b"x = 1  \n")
    seen = judging.digest(place.read_bytes())
    place.unlink()
    if meanwhile == "changed":
        place.write_bytes(b"x = 2  \n")
    elif meanwhile == "linked":
        place.symlink_to(outside)
    elif meanwhile == "a pipe":
        os.mkfifo(place)

    why_not = replacing.replace(place.parent, b"a.py", seen, b"x = 1\n")

    assert why_not
    assert outside.read_bytes() == b"x = 1  \n"
    assert [path.name for path in place.parent.iterdir()] == ([] if meanwhile == "gone" else ["a.py"])


def test_other_names_of_a_file_keep_what_they_have(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "store.py").write_text("x = 1  \n")
    os.link(tmp_path / "store.py", tmp_path / "here" / "a.py")

    maintain(tmp_path / "here", "implement")

    assert (tmp_path / "here" / "a.py").read_text() == "x = 1\n"
    assert (tmp_path / "store.py").read_text() == "x = 1  \n"


def test_the_verdict_is_one_line_of_json(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  \n"})
    last = maintain(repository.root, "implement").lines[-1]
    assert json.loads(last.removeprefix("VERDICT: "))["severity"] == "success"
