"""What is mended in which file, and what would change its meaning."""

import ast
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conselho.maintainer import meaning
from conselho.maintainer.judging import Judged, judge
from conselho.maintainer.permitted import Wishes
from conselho.maintainer.whitespace import CRLF, Kind

blanks = st.sampled_from(("", "", " ", "\t ", "   "))
ends = st.sampled_from(("\n", "\n", "\r\n"))
python_lines = st.sampled_from(
    (
        "x = 1", "", "# said", 'y = """one', 'two"""', "z = '''a", "b'''", 'f"{x = }"', 'f"""{x', "}", "if x:",
        "    pass",
        '"""', "'''", "w = (1,", "2)", "s = 'a\\", "t'", 'b"""q', "rb'''", "import os",
    )
)  # fmt: skip
yaml_lines = st.sampled_from(
    ("a: 1", "b: |", "  text", "c: >-", "   more", "", "# said", "d: 'one", "  two'", 'e: "x', '  y"', "- f", "g: |+")
)
toml_lines = st.sampled_from(
    ("a = 1", 'b = """', "text", '"""', "", "# said", "c = '''", "'''", "[t]", "d = [", "1,", "]")
)


def text_of(lines: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.lists(st.tuples(lines, blanks, ends).map("".join), max_size=14).map(lambda made: "".join(made).encode())


def judged(path: bytes, data: bytes, wishes: Wishes | None = None) -> Judged:
    return judge(None, wishes or Wishes(), None, path, data)


def after(path: bytes, data: bytes) -> bytes:
    made = judged(path, data).after
    return data if made is None else made


def tree(source: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(source))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=text_of(python_lines))
def test_a_python_program_stays_the_same_program(data: bytes) -> None:
    found = judged(b"a.py", data)
    if found.broken or found.after is None:
        return
    assert tree(found.after) == tree(data)
    assert judged(b"a.py", found.after).after is None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize(("path", "lines"), [(b"a.yaml", yaml_lines), (b"a.toml", toml_lines)])
@given(data=st.data())
def test_what_a_file_says_stays_the_same(path: bytes, lines: st.SearchStrategy[str], data: st.DataObject) -> None:
    before = data.draw(text_of(lines))
    found = judged(path, before)
    if found.broken or found.after is None:
        return
    assert meaning.is_same(path, before, found.after)
    assert judged(path, found.after).after is None


@pytest.mark.parametrize(
    ("path", "before", "expected"),
    [
        (b"a.py", b'x = """a  \nb  """  \ny = 1 \n', b'x = """a  \nb  """\ny = 1\n'),
        (b"a.py", b'def f():\n    """A.  \n\n    """\n    f()  \n', b'def f():\n    """A.  \n\n    """\n    f()\n'),
        (b"a.py", b'f"""{1 = } \n{2}""" \n', b'f"""{1 = } \n{2}"""\n'),
        (b"a.yaml", b"a: |\n  b  \nc: 1  \n", b"a: |\n  b  \nc: 1\n"),
        (b"a.yaml", b"a: |\n  b", b"a: |\n  b"),
        (b"a.toml", b'a = """\nb  \n"""\nc = 1', b'a = """\nb  \n"""\nc = 1\n'),
        (b"a.json", b'{"a": [1,  \n2]}', b'{"a": [1,\n2]}\n'),
        (b"a.md", b"a  \nb   \n\n\n", b"a  \nb   \n"),
        (b"a.js", b"a  \n\n\n", b"a\n"),
        (b"a.js", b"a = `x  \n`\n\n", b"a = `x  \n`\n"),
        (b"a.tsx", b'a = <b c="x  \n"/>\n\n', b'a = <b c="x  \n"/>\n'),
        (b"a.c", b"#define A \\ \n1\nb  \n", b"#define A \\ \n1\nb\n"),
        (b"a.go", b"a := `x  \n`\n", b"a := `x  \n`\n"),
    ],
)  # fmt: skip
def test_what_is_mended(path: bytes, before: bytes, expected: bytes) -> None:
    assert after(path, before) == expected
    assert after(path, expected) == expected


@pytest.mark.parametrize(
    "path",
    [
        b"fix.patch", b"a.diff", b"a.txt", b"Makefile", b"a.csv", b"a.sh", b"a.html", b"page.snap", b"VERSION",
        b"node_modules/a.js", b"vendor/a.py", b"package-lock.json", b"tests/fixtures/a.py", b"tests/golden/a.py",
        b"migrations/0001_first.py", b"a.min.js", b"__snapshots__/a.js", b".env", b"a.ipynb",
    ],
)  # fmt: skip
def test_where_white_space_may_mean_something_it_is_left_alone(path: bytes) -> None:
    before = b'{"a": 1}  \n\n\n' if path.endswith((b"json", b"ipynb")) else b"a = 1  \n\n\n"
    assert after(path, before) == before


@pytest.mark.parametrize(
    "data",
    [
        b"# @generated\nx = 1  \n",
        b"x = 1  \ry = 2  \n",
        b"x = '" + b"a" * 6000 + b"'  \n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'  \n",
    ],
)
def test_generated_and_odd_files_are_left_alone(data: bytes) -> None:
    assert judged(b"a.py", data) == Judged(digest=judged(b"a.py", data).digest)


def test_what_does_not_parse_is_left_to_a_person() -> None:
    found = judged(b"a.py", b"def f(:  \n")
    assert found.after is None
    assert found.broken is not None
    assert found.broken.line == 1


def test_what_the_project_wants_left_alone_is_left() -> None:
    mixed = b"a = 1  \r\nb = 2\nc = 3\n"
    assert judged(b"a.py", mixed, Wishes(frozenset())).after is None
    only_ends = Wishes(frozenset((Kind.LINE_ENDS,)), CRLF)
    assert judged(b"a.py", mixed, only_ends).after == b"a = 1  \r\nb = 2\r\nc = 3\r\n"


def test_imports_that_came_back_with_anything_else_changed_are_not_taken() -> None:
    def careless(_path: bytes, _source: bytes) -> bytes:
        return b"x = 2\n"

    def careful(_path: bytes, source: bytes) -> bytes:
        return source.removeprefix(b"import os\n")

    source = b"import os\nx = 1\n"
    assert judge(None, Wishes(), careless, b"a.py", source).after is None
    assert judge(None, Wishes(), careful, b"a.py", source).after == b"x = 1\n"
