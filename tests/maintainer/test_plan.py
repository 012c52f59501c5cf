"""What the plan says, and to whom it leaves what."""

from pathlib import Path

from conselho.executions import verdict_line
from tests.analyses.conftest import GitRepository
from tests.maintainer.conftest import maintain

CONFLICT = "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"


def test_the_plan_names_each_fault_and_changes_nothing(repository: GitRepository) -> None:
    repository.make({"src/a.py": "x = 1\ny = 2 \nz = 3\t\n", "bad.json": '{"a":\n', "notes.md": CONFLICT})

    outcome = maintain(repository.root, "plan")

    assert repository.git("status", "--porcelain") == ""
    assert outcome.lines[1:] == [
        "# Plan",
        "",
        "## What implement will change",
        "",
        "| fault | places | files |",
        "|---|---|---|",
        "| trailing white space | 2 | 1 |",
        "",
        "- `src/a.py:2` trailing white space (lines 2, 3)",
        "",
        "## Left to a person",
        "",
        "- `bad.json:2` `is no valid JSON: Expecting value`",
        "- `notes.md:1` `1 merge conflict left in the file`",
        "",
        "## Looked at",
        "",
        "- 3 text files; 3 files are of a kind whose white space is mended",
        "- imports were not looked at: the project has no configuration of ruff's",
        "",
        "2 faults in 1 file that implement mends, 2 files left to a person; 3 text files looked at.",
        outcome.lines[-1],
    ]
    assert [(each["file"], each["line"], each["severity"], each["key"]) for each in outcome.findings] == [
        ("bad.json", 2, "error", "maintainer:json:bad.json"),
        ("notes.md", 1, "error", "maintainer:conflict:notes.md"),
        ("src/a.py", 2, "warning", "maintainer:trailing_space:src/a.py"),
    ]


def test_where_nothing_is_wrong_the_plan_says_so(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n"})

    outcome = maintain(repository.root, "plan")

    assert outcome.severity == "success"
    assert outcome.summary == "Nothing to be mended in 1 text file."


def test_an_empty_directory_and_one_without_commits_are_looked_at(repository: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert maintain(tmp_path / "empty", "plan").summary == "Nothing to be mended in 0 text files."
    (repository.root / "a.py").write_text("x = 1  \n")
    assert maintain(repository.root, "plan").severity == "warning"


def test_what_was_left_out_is_told(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n", "b.py": b"x = 1\0", "c.py": "#" * ((1 << 20) + 1), "gone.py": "x = 1\n"})
    commit = repository.git("rev-parse", "HEAD").strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    (repository.root / "gone.py").unlink()

    outcome = maintain(repository.root, "plan")

    assert (
        outcome.line_with("left out:")
        == "- left out: 1 binary, 1 kept in a submodule, 1 not in the working tree, 1 over 1 MiB"
    )


def test_the_last_line_is_read_as_a_verdict(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1  \n"})
    claim = verdict_line.read(maintain(repository.root, "plan").lines[-1])
    assert isinstance(claim, verdict_line.Claim)
    assert claim.notes == ()
    assert claim.names_all
