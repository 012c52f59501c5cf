"""What has changed since the work began, and what is objected to."""

from pathlib import Path

import pytest

from conselho.projects import worktrees
from tests.analyses.conftest import GitRepository, Outcome
from tests.maintainer.conftest import commit_of, maintain

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"


def review(repository: GitRepository, base: str | None = None, place: Path | None = None) -> Outcome:
    environment = {"CONSELHO_BASE": base} if base else {}
    return maintain(place or repository.root, "review", environment=environment)


def told(outcome: Outcome) -> list[tuple[str, str, int | None]]:
    return [(finding["title"], finding["file"], finding["line"]) for finding in outcome.findings]


def test_committed_staged_unstaged_and_new_files_are_one_difference(repository: GitRepository) -> None:
    repository.make({"a.txt": "1\n2\n", "b.txt": "1\n", "c.txt": "1\n", "gone.txt": "1\n"})
    base = commit_of(repository)
    repository.make({"a.txt": "1\n3\n"})
    repository.write("b.txt", "1\n2\n")
    repository.stage()
    (repository.root / "c.txt").write_text("2\n")
    (repository.root / "new.txt").write_text("1\n2\n3\n")
    (repository.root / "gone.txt").unlink()

    outcome = review(repository, base)

    assert outcome.severity == "success"
    assert outcome.lines[3:8] == [
        "- changed `a.txt` +1 -1",
        "- changed `b.txt` +1 -0",
        "- changed `c.txt` +1 -1",
        "- removed `gone.txt` +0 -1",
        "- added `new.txt` +3 -0",
    ]
    assert outcome.summary == (
        f"5 files changed since {base[:12]}: 6 lines added, 3 removed. Nothing to object to."
    )  # fmt: skip
    assert review(repository).summary.startswith("4 files changed")


def test_a_worktree_of_a_card_is_reviewed(repository: GitRepository, tmp_path: Path) -> None:
    repository.make({"a.py": "x = 1\n"})
    card = worktrees.add(repository.root, tmp_path / "home", "1-card")
    (card.path / "a.py").write_text("x = 1\nbreakpoint()\n")

    outcome = review(repository, card.base, card.path)

    assert told(outcome) == [("breakpoint() was left", "a.py", 2)]
    assert outcome.severity == "error"
    assert review(repository).summary.startswith("Nothing has changed")


@pytest.mark.parametrize(
    ("path", "added", "expected"),
    [
        ("a.py", "import pdb\n", ("import pdb was left", 2)),
        ("a.py", "    \nfrom ipdb import set_trace\n", ("import ipdb was left", 3)),
        ("a.py", "def f(:\n", ("does not compile with Python", 2)),
        ("a.js", "  debugger;\n", ("debugger was left", 2)),
        ("a.rb", "binding.pry\n", ("binding.pry was left", 2)),
        ("a.md", "<<<<<<< a\n=======\n>>>>>>> b\n", ("1 merge conflict left in the file", 2)),
        ("a.txt", KEY, ("a private key", 2)),
    ],
)
def test_what_nobody_meant_to_hand_over_is_found(
    repository: GitRepository, path: str, added: str, expected: tuple[str, int]
) -> None:
    repository.make({path: "# one\n"})
    base = commit_of(repository)
    repository.make({path: "# one\n" + added})

    outcome = review(repository, base)

    ((title, file, line),) = told(outcome)
    assert title.startswith(expected[0])
    assert (file, line) == (path, expected[1])
    assert outcome.severity == "error"


def test_what_was_there_before_is_not_objected_to(repository: GitRepository) -> None:
    repository.make({"a.py": "breakpoint()\nx = 1\n"})
    base = commit_of(repository)
    repository.make({"a.py": "breakpoint()\nx = 2\n"})
    assert told(review(repository, base)) == []


def test_words_in_strings_and_comments_are_no_leftovers(repository: GitRepository) -> None:
    repository.make({"a.txt": ""})
    repository.write("b.py", "# breakpoint()\nx = 'import pdb'\nself.breakpoint()\n")
    repository.write("b.js", "// debugger;\nlet debuggers = 'debugger;'\n")
    repository.stage()
    assert told(review(repository)) == []


def test_large_files_and_secrets_that_were_added_are_named(repository: GitRepository) -> None:
    repository.make({"a.txt": "", "old/.env": "A=1\n"})
    base = commit_of(repository)
    repository.make({"big.bin": b"\0" * (2 << 20), ".env": "A=1\n", ".env.example": "A=\n", "old/.env": "A=2\n"})

    outcome = review(repository, base)

    assert told(outcome) == [
        ("a file was added whose name says that it holds secrets", ".env", None),
        ("a file of more than 1 MiB was added", "big.bin", None),
    ]
    assert outcome.severity == "warning"


def test_only_what_lies_below_is_reviewed(repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n", "web/b.py": "x = 1\n"})
    repository.write("a.py", "breakpoint()\n")
    repository.write("web/b.py", "x = 1\nbreakpoint()\n")
    repository.stage()

    outcome = review(repository, None, repository.root / "web")

    assert told(outcome) == [("breakpoint() was left", "b.py", 2)]
    assert outcome.summary.startswith("1 file changed")


def test_without_a_repository_all_files_are_looked_at_and_the_report_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("breakpoint()\n")

    outcome = maintain(tmp_path, "review")

    assert told(outcome) == [("breakpoint() was left", "a.py", 1)]
    assert outcome.lines[3] == "There is no commit to compare with: all files were looked at."


@pytest.mark.parametrize("base", ["no-such-commit", "--output=x", "HEAD:a.py"])
def test_a_base_that_is_no_commit_is_refused_in_a_sentence(repository: GitRepository, base: str) -> None:
    repository.make({"a.py": "x = 1\n"})
    outcome = review(repository, base)
    assert outcome.exit_code == 1
    assert f"there is no commit {base}" in outcome.complaint
    assert outcome.complaint.count("\n") == 1
