"""Files that do not parse, conflicts that were left, and what is let pass."""

import sys

import pytest

from conselho.analyses import excuses, formats
from conselho.analyses.broken_windows import Judgement, judge
from conselho.analyses.conflicts import conflict_lines
from tests.analyses.conftest import GitRepository

CONFLICT = "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> topic\n"
PYTHON = f"Python {formats.PYTHON}"


def as_bytes(source: str | bytes) -> bytes:
    return source.encode() if isinstance(source, str) else source


def test_every_kind_of_broken_file_is_an_error_with_its_line(repository: GitRepository) -> None:
    repository.make(
        {
            "a.py": "x = 1\ndef f(:\n    pass\n",
            "b.json": '{"a": 1,\n}\n',
            "c.toml": "a = 1\nb =\n",
            "d.yaml": "a: 1\nb: [1, 2\nc: 3\n",
            "e.txt": CONFLICT,
            "f.py": "return 1\n",
            "good.py": "x = 1\n",
            "good.yaml": "a: !Ref b\n--- \nc: *d\n",
        }
    )

    outcome = repository.analyse("broken_windows")

    assert outcome.severity == "error"
    assert [(finding["file"], finding["line"], finding["key"]) for finding in outcome.findings] == [
        ("a.py", 2, "broken_windows:python:a.py"),
        ("b.json", 2, "broken_windows:json:b.json"),
        ("c.toml", 2, "broken_windows:toml:c.toml"),
        ("d.yaml", 3, "broken_windows:yaml:d.yaml"),
        ("e.txt", 2, "broken_windows:conflict:e.txt"),
        ("f.py", 1, "broken_windows:python:f.py"),
    ]
    assert {finding["severity"] for finding in outcome.findings} == {"error"}
    assert outcome.line_with("a.py") == f"error    a.py:2  does not compile with {PYTHON}: invalid syntax"
    assert outcome.line_with("e.txt") == "error    e.txt:2  1 merge conflict left in the file"
    assert outcome.summary == "6 files are broken, of 8 files (7 Python, JSON, TOML or YAML files)."


def test_conflict_is_the_one_finding_of_a_file_it_breaks(repository: GitRepository) -> None:
    repository.make({"a.py": "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> topic\n", "b.yaml": CONFLICT})

    outcome = repository.analyse("broken_windows")

    assert [finding["key"] for finding in outcome.findings] == [
        "broken_windows:conflict:a.py",
        "broken_windows:conflict:b.yaml",
    ]


def test_conflict_in_the_working_tree_is_found_while_the_merge_is_open(repository: GitRepository) -> None:
    repository.make({"a.txt": "one\n"})
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.make({"a.txt": "two\n"})
    repository.git("checkout", "--quiet", "-")
    repository.make({"a.txt": "three\n"})
    repository.git("config", "merge.conflictStyle", "diff3")
    with pytest.raises(Exception, match="returned non-zero"):
        repository.git("merge", "topic")

    outcome = repository.analyse("broken_windows")

    assert [finding["file"] for finding in outcome.findings] == ["a.txt"]


def test_nothing_is_written_beside_the_sources(repository: GitRepository) -> None:
    repository.make({"package/a.py": "x = 1\n"})

    repository.analyse("broken_windows")

    assert repository.git("status", "--porcelain", "--ignored") == ""


@pytest.mark.parametrize(
    ("source", "fenced", "expected"),
    [
        ("Heading\n=======\n\nText\n", True, []),
        ("<<<<<<< one\n>>>>>>> two\n", False, []),
        ("=======\n>>>>>>> two\n<<<<<<< one\n", False, []),
        ("<<<<<<<\na\n=======\nb\n>>>>>>>\n", False, [1]),
        ("x\r\n<<<<<<< a\r\n=======\r\n>>>>>>> b\r\n", False, [2]),
        ("<<<<<<<< eight\n=======\n>>>>>>> b\n", False, []),
        ("  <<<<<<< a\n  =======\n  >>>>>>> b\n", False, []),
        ("<<<<<<< a\n||||||| b\n=======\n>>>>>>> c\n" * 2, False, [1, 5]),
        ("```\n<<<<<<< a\n=======\n>>>>>>> b\n```\n", True, []),
        ("```\n```\n<<<<<<< a\n=======\n>>>>>>> b\n", True, [3]),
    ],
)
def test_only_the_whole_figure_is_a_conflict(source: str, fenced: bool, expected: list[int]) -> None:
    assert conflict_lines(source.encode(), fenced=fenced) == expected


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("tsconfig.json", '{\n  // strict\n  "a": [1, 2,],\n}\n', excuses.COMMENTED_JSON),
        ("web/tsconfig.build.json", '{"a": 1,}', excuses.COMMENTED_JSON),
        (".vscode/settings.json", '{"u": "http://x", /* why */ "a": 1,}', excuses.COMMENTED_JSON),
        ("any.json", '{"a": 1 // why\n}', excuses.COMMENTED_JSON),
        ("export.json", '{"a": 1}\n{"a": 2}\n', excuses.JSON_LINES),
        ("chart/templates/a.yaml", "a: {{ .Values.a }}\n{{- if b }}\n", excuses.TEMPLATE),
        ("a.json", '{"a": {{ a }} }', excuses.TEMPLATE),
        ("{{cookiecutter.name}}/a.py", "import {{cookiecutter.name}}\n", excuses.TEMPLATE),
        ("a.py", "{% if x %}\nimport x\n{% endif %}\n", excuses.TEMPLATE),
        ("tests/fixtures/bad.json", "{", excuses.TEST_DATA),
        ("tests/data/bad.toml", "a =", excuses.TEST_DATA),
        ("pkg/testdata/a.yaml", "a: [", excuses.TEST_DATA),
        ("tests/fixtures/merge.txt", CONFLICT, excuses.TEST_DATA),
    ],
)
def test_good_reasons_are_told_and_no_findings(path: str, source: str, reason: str, repository: GitRepository) -> None:
    repository.make({path: source})

    outcome = repository.analyse("broken_windows")

    assert outcome.severity == "success"
    assert outcome.line_with("Let pass") == f"Let pass: 1 file ({reason})."


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("package.json", '{"a": 1,}'),
        ("locales/pt.json", '{"hello": "Olá {{name}}",}'),
        ("locales/pt.yaml", 'hello: "Olá {{name}}"\nbye: "x\n'),
        ("tsconfig.json", '{"a": 1'),
        ("tests/test_a.py", "def f(:\n"),
        ("empty.json", ""),
        ("latin.json", b'{"a": "\xe9"}'),
        ("latin.toml", b'a = "\xe9"'),
        ("nul.py", "x = 1\n" * 2000 + "\0"),
        ("coding.py", "# coding: klingon\n"),
    ],
)
def test_fault_without_a_good_reason_is_an_error(path: str, source: str | bytes) -> None:
    finding = judge(None, path.encode(), as_bytes(source)).finding

    assert finding
    assert (finding.file, finding.severity) == (path.encode(), "error")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("bom.json", b'\xef\xbb\xbf{"a": 1}'),
        ("number.json", "9" * 5000),
        ("bom.py", b"\xef\xbb\xbfx = 1\n"),
        ("latin.py", b"# coding: latin-1\nx = '\xe9'\n"),
        ("warns.py", "x = '\\d'\nassert (1, 2)\n"),
        ("ansible.yml", "a: !vault |\n  $ANSIBLE_VAULT\n"),
        ("actions.yml", "a: ${{ github.ref }}\n"),
        ("utf16.yaml", "a: ç\n".encode("utf-16")),
        ("empty.yaml", ""),
        ("empty.toml", ""),
        ("text.py", f'TEXT = """\n{CONFLICT}"""\n'),
    ],
)
def test_unusual_file_that_its_tools_take_is_no_fault(path: str, source: str | bytes) -> None:
    assert judge(None, path.encode(), as_bytes(source)) == Judgement()


def test_python_for_a_newer_python_is_not_judged(repository: GitRepository) -> None:
    newer = sys.version_info.minor + 1
    repository.make(
        {"pyproject.toml": f'[project]\nrequires-python = ">=3.{newer}"\n', "a.py": "type of tomorrow = 1\n"}
    )

    outcome = repository.analyse("broken_windows")

    assert outcome.severity == "success"
    assert f"the project is for Python 3.{newer}" in outcome.line_with("Let pass")


@pytest.mark.parametrize(
    ("pyproject", "minor"),
    [
        ('[project]\nrequires-python = ">=3.11,<3.14"', 11),
        ('[project]\nrequires-python = "~=3.12"', 12),
        ('[tool.poetry.dependencies]\npython = "^3.13"', 13),
        ("[project]\nrequires-python = 3", None),
        ("project = 1", None),
        ("broken", None),
        ("", None),
    ],
)
def test_python_asked_for_is_read_from_the_project(pyproject: str, minor: int | None) -> None:
    assert excuses.required_minor(pyproject.encode()) == minor
