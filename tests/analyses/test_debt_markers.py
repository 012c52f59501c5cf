"""Markers of debt: where they are found, how old they are, which are due."""

import pytest

from conselho.analyses.comments import markers
from tests.analyses.conftest import GitRepository


def test_oldest_comes_first_with_age_author_and_place(repository: GitRepository) -> None:
    repository.write("new.py", "x = 1  # FIXME: recent\n")
    repository.write("old.js", "// TODO: replace the pool\nlet x;\n")
    repository.commit(author="Ana Souza", days_ago=1500)
    repository.write("new.py", "y = 2\nx = 1  # FIXME: recent\n# HACK around it\n")
    repository.commit(author="Bruno", days_ago=100)

    outcome = repository.analyse("debt_markers")

    assert outcome.severity == "warning"
    assert [(finding["file"], finding["line"], finding["title"]) for finding in outcome.findings] == [
        ("new.py", 2, "FIXME: recent (4 years, Ana Souza)"),
        ("old.js", 1, "TODO: replace the pool (4 years, Ana Souza)"),
        ("new.py", 3, "HACK: around it (3 months, Bruno)"),
    ]
    assert outcome.summary == "3 markers in 2 files; the oldest: 4 years, new.py:2."
    assert " ".join(outcome.line_with("pool").split()) == "4 years Ana Souza old.js:1 TODO: replace the pool"


def test_young_todo_is_shown_and_no_finding(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: tomorrow\n# HACK: for today\n")
    repository.commit(days_ago=29)

    outcome = repository.analyse("debt_markers")

    assert outcome.severity == "success"
    assert "29 days" in outcome.line_with("tomorrow")
    assert outcome.summary.endswith("2 young ones are no finding (TODO and HACK up to 30 days).")


def test_patience_is_an_option(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: tomorrow\n")
    repository.commit(days_ago=10)

    assert repository.analyse("debt_markers", "--patience-days", "9").severity == "warning"


def test_what_says_that_something_is_wrong_now_is_due_at_once(repository: GitRepository) -> None:
    repository.make({"a.py": "# FIXME: leaks\n", "b.py": "# XXX: races\n"})

    outcome = repository.analyse("debt_markers")

    assert [finding["title"] for finding in outcome.findings] == [
        "FIXME: leaks (today, Ana)",
        "XXX: races (today, Ana)",
    ]


def test_line_that_is_not_committed_is_of_today(repository: GitRepository) -> None:
    repository.write("a.py", "# FIXME: old\n")
    repository.commit(days_ago=400)
    repository.write("a.py", "# FIXME: new\n# FIXME: old\n")
    repository.write("b.py", "# FIXME: newer\n")

    titles = [finding["title"] for finding in repository.analyse("debt_markers").findings]

    assert titles == [
        "FIXME: old (13 months, Ana)",
        "FIXME: new (today, not committed)",
        "FIXME: newer (today, not committed)",
    ]


def test_indenting_a_line_does_not_make_it_young(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: early\n")
    repository.commit(author="Ana", days_ago=800)
    repository.write("a.py", "if x:\n    # TODO: early\n    pass\n")
    repository.commit(author="Bruno", days_ago=1)

    (finding,) = repository.analyse("debt_markers").findings

    assert finding["title"] == "TODO: early (2 years, Ana)"


def test_age_survives_a_rename(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: early\n" + "x = 1\n" * 20)
    repository.commit(days_ago=800)
    repository.git("mv", "a.py", "b.py")
    repository.commit(author="Bruno", days_ago=1)

    (finding,) = repository.analyse("debt_markers").findings

    assert finding["title"] == "TODO: early (2 years, Ana)"


def test_without_time_for_blame_ages_are_unknown_and_said_to_be(repository: GitRepository) -> None:
    repository.make({"a.py": "# TODO: some day\n"})

    outcome = repository.analyse("debt_markers", "--blame-seconds", "0")

    assert outcome.findings[0]["title"] == "TODO: some day (age unknown)"
    assert outcome.line_with("unknown:") == "1 age unknown: git blame failed or was stopped at its bounds."


def test_a_configured_file_of_ignored_revisions_that_is_missing_makes_no_line_young(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: early\n")
    repository.commit(days_ago=800)
    repository.git("config", "blame.ignoreRevsFile", "/nowhere")

    (finding,) = repository.analyse("debt_markers").findings

    assert finding["title"] == "TODO: early (2 years, Ana)"


def test_shallow_clone_says_that_ages_are_too_low(repository: GitRepository) -> None:
    repository.write("a.py", "# TODO: early\n")
    repository.commit(days_ago=800)
    repository.write("b.py", "")
    repository.commit()
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.root}", str(repository.root / "shallow"))
    shallow = GitRepository(repository.root / "shallow")

    assert shallow.analyse("debt_markers").line_with("This clone is shallow")


def test_key_stays_when_the_marker_moves_and_ages(repository: GitRepository) -> None:
    repository.make({"a.py": "# FIXME: leaks\n# FIXME: leaks\n"})
    before = repository.analyse("debt_markers").findings
    repository.write("a.py", "x = 1\n\n# FIXME: leaks\n# FIXME: leaks\n")
    after = repository.analyse("debt_markers").findings

    assert [finding["key"] for finding in before] == [finding["key"] for finding in after]
    assert before[1]["key"] == "debt_markers:fixme:a.py:leaks#2"


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("a.py", "x = 1  # TODO(ana): say more", [(1, "TODO", "(ana): say more")]),
        ("a.py", 'x = "# TODO: in a string"', []),
        ("a.py", '"""\n# TODO: in a text\n"""\n# FIXME after', [(4, "FIXME", "after")]),
        ("a.py", "x = 'it''s' # HACK: yes", [(1, "HACK", "yes")]),
        ("a.py", "x = '# TODO no", []),
        ("a.py", "# todos os TODOs, todo dia", []),
        ("a.py", "# the TODO of last week is gone", []),
        ("a.py", "# done. TODO: the rest", [(1, "TODO", "the rest")]),
        ("a.py", "# TODO: it", [(1, "TODO", "it")]),
        ("a.py", "# finds `TODO`: and XXX-XXX", []),
        ("a.c", "/* one\n * XXX two\n */ int x;", [(2, "XXX", "two")]),
        ("a.js", "let u = 'http://x'; // TODO: it's", [(1, "TODO", "it's")]),
        ("a.js", "let t = `\n// TODO: in a text\n`;", []),
        ("a.rs", "fn f<'a>(x: &'a str) { // TODO: don't", [(1, "TODO", "don't")]),
        ("a.sql", "select 1 -- TODO: more", [(1, "TODO", "more")]),
        ("a.sh", "echo $# ${x#TODO:}\n  # TODO: more", [(2, "TODO", "more")]),
        ("a.html", "<!-- TODO: a\n FIXME: b --> // TODO: c", [(1, "TODO", "a"), (2, "FIXME", "b")]),
        ("a.vue", "<!-- TODO: a -->\n// TODO: b", [(1, "TODO", "a"), (2, "TODO", "b")]),
        ("a.yml", "a: b # TODO: c\n#TODO d", [(1, "TODO", "c"), (2, "TODO", "d")]),
        ("Makefile", "# TODO: a", [(1, "TODO", "a")]),
        ("a.php", "# TODO: a\n// TODO: b", [(1, "TODO", "a"), (2, "TODO", "b")]),
        ("a.md", "# TODO\n\nTODO: prose\n<!-- TODO: comment -->", [(4, "TODO", "comment")]),
        ("a.json", '{"a": "// TODO: b"}', []),
        ("a.txt", "TODO: prose", []),
        ("a.erl", "% TODO: a", [(1, "TODO", "a")]),
        ("a.clj", ";; TODO: a", [(1, "TODO", "a")]),
        ("a.py", "# TODO", [(1, "TODO", "")]),
    ],
)
def test_markers_are_found_in_comments_and_only_there(
    path: str, source: str, expected: list[tuple[int, str, str]]
) -> None:
    found = markers(path.encode(), source.encode())

    assert [(marker.line, marker.word, marker.text) for marker in found] == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize("path", ["a.py", "a.js", "a.c", "a.rs", "a.sh", "a.sql", "a.html", "a.vue", "a.clj"])
@pytest.mark.parametrize("piece", ['"\\', "'\\", "'", "`", "/*", "//", "<!--", '"""\\', "'''", '""', "\\", "--"])
def test_time_to_find_comments_grows_no_faster_than_the_file(path: str, piece: str) -> None:
    markers(path.encode(), b"// TODO: x\n# TODO: x\n" + (piece * (200_000 // len(piece))).encode())
