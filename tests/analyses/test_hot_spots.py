"""Files that are changed again and again."""

from tests.analyses.conftest import GitRepository


def change(
    repository: GitRepository, path: str, lines: int, times: int, author: str = "Ana", days_ago: int = 10
) -> None:
    for edit in range(times):
        repository.write(path, f"x = {edit}\n" + "y = 1\n" * (lines - 1))
        repository.commit(author, days_ago=days_ago - edit / 100)


def test_large_file_that_changes_often_is_a_warning(repository: GitRepository) -> None:
    change(repository, "src/hot.py", lines=300, times=15)
    change(repository, "src/hot.py", lines=301, times=5, author="Bruno", days_ago=5)
    change(repository, "src/small.py", lines=10, times=30)
    change(repository, "src/large.py", lines=900, times=2)

    outcome = repository.analyse("hot_spots")

    assert outcome.severity == "warning"
    (finding,) = outcome.findings
    assert finding == {
        "title": "changed by 20 commits of 2 people in the last 12 months, 301 lines long",
        "severity": "warning",
        "file": "src/hot.py",
        "line": None,
        "key": "hot_spots:file:src/hot.py",
    }
    assert outcome.summary == "1 hot spot in the last 12 months, first src/hot.py: 20 commits on 301 lines."
    assert outcome.lines[1] == "52 commits by 2 people in the last 12 months."
    ranking = [line.split()[4] for line in outcome.lines[3:6]]
    assert ranking == ["src/hot.py", "src/large.py", "src/small.py"]
    assert "(Ana 75%, Bruno 25%)" in outcome.line_with("Ana 75%")


def test_only_the_months_asked_for_count(repository: GitRepository) -> None:
    change(repository, "a.py", lines=400, times=25, days_ago=500)
    change(repository, "b.py", lines=5, times=1, days_ago=1)

    assert repository.analyse("hot_spots").severity == "success"
    assert repository.analyse("hot_spots", "--months", "24").severity == "warning"
    everything = repository.analyse("hot_spots", "--months", "0")
    assert "25 commits of 1 person in all of history" in everything.findings[0]["title"]


def test_quiet_repository_says_so(repository: GitRepository) -> None:
    change(repository, "a.py", lines=5, times=1, days_ago=500)

    outcome = repository.analyse("hot_spots")

    assert outcome.severity == "success"
    assert outcome.summary == "No commit in the last 12 months."


def test_renamed_file_keeps_its_history(repository: GitRepository) -> None:
    change(repository, "old.py", lines=400, times=15, days_ago=20)
    repository.git("mv", "old.py", "new\nname.py")
    repository.commit(days_ago=10)
    change(repository, "new\nname.py", lines=400, times=4, days_ago=5)

    (finding,) = repository.analyse("hot_spots").findings

    assert finding["file"] == "new\\nname.py"
    assert finding["title"].startswith("changed by 20 commits")


def test_deleted_prose_generated_and_once_written_files_are_not_ranked(repository: GitRepository) -> None:
    for path in ("gone.py", "README.md", "package-lock.json", "web/a.min.js"):
        change(repository, path, lines=400, times=21)
    change(repository, "once.py", lines=400, times=1)
    repository.git("rm", "--quiet", "gone.py")
    repository.commit()

    outcome = repository.analyse("hot_spots", "--commits", "1", "--lines", "1")

    assert outcome.findings == []


def test_mass_edits_are_not_counted_and_told(repository: GitRepository) -> None:
    for edit in range(2):
        for number in range(201):
            (repository.root / f"{number}.py").write_text(f"x = {edit}\n")
        repository.git("add", "--all")
        repository.commit()

    outcome = repository.analyse("hot_spots", "--commits", "1", "--lines", "1")

    assert outcome.severity == "success"
    assert outcome.line_with("mass edits are") == "2 mass edits are not counted (over 200 files in one commit)."


def test_people_are_known_by_the_names_of_the_mailmap(repository: GitRepository) -> None:
    repository.write(".mailmap", "Ana Souza <ana@example.org>\n")
    change(repository, "a.py", lines=5, times=2)
    change(repository, "b.py", lines=5, times=2, author="Bruno")

    assert repository.analyse("hot_spots").line_with("a.py").endswith("a.py (Ana Souza)")
