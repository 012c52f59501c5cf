"""What an `.editorconfig` asks for, and in which files."""

import pytest

from conselho.maintainer import editorconfig
from conselho.maintainer.editorconfig import File, asked_for


def files(**texts: str) -> dict[str, File]:
    """By folder, with `_` for the top."""
    found = {}
    for name, text in texts.items():
        folder = "" if name == "_" else f"{name}/"
        found[folder] = editorconfig.parse(folder.encode() + editorconfig.NAME, text.encode())
    return found


@pytest.mark.parametrize(
    ("pattern", "path", "holds"),
    [
        ("*", "a/b.py", True),
        ("*.py", "a/b.py", True),
        ("*.py", "b.pyi", False),
        ("*.{js,py}", "b.py", True),
        ("{a,b}.md", "x/b.md", True),
        ("lib/*.js", "lib/a.js", True),
        ("lib/*.js", "lib/x/a.js", False),
        ("lib/**.js", "lib/x/a.js", True),
        ("/a.py", "a.py", True),
        ("/a.py", "x/a.py", False),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("?.py", "b.py", True),
        ("a.py", "axpy", False),
    ],
)
def test_patterns(pattern: str, path: str, holds: bool) -> None:
    said = asked_for(path.encode(), files(_=f"[{pattern}]\nEnd_Of_Line = CRLF\n"))
    assert said == ({"end_of_line": "crlf"} if holds else {})


def test_a_pattern_that_is_not_understood_leaves_alone_and_asks_for_nothing() -> None:
    text = "[a{1..3}.py]\ntrim_trailing_whitespace = false\nend_of_line = crlf\n"
    assert asked_for(b"b.py", files(_=text)) == {"trim_trailing_whitespace": "false"}


def test_the_nearest_file_and_the_last_section_win() -> None:
    found = files(
        _="[*]\nend_of_line = lf\ninsert_final_newline = false\n",
        web="[*]\nend_of_line = crlf\n[*.py]\nend_of_line = lf\n[*.js]\nindent_size = 2\n",
    )
    assert asked_for(b"web/a.js", found) == {"end_of_line": "crlf", "insert_final_newline": "false"}
    assert asked_for(b"web/a.py", found)["end_of_line"] == "lf"


def test_what_lies_above_a_root_does_not_hold() -> None:
    found = files(_="[*]\nend_of_line = lf\n", web="root = true\n[*]\ninsert_final_newline = false\n")
    assert asked_for(b"web/a.js", found) == {"insert_final_newline": "false"}


def test_a_hostile_pattern_takes_no_time() -> None:
    text = f"[{'*a' * 300}b]\nend_of_line = lf\n[{'{' * 500}]\nend_of_line = lf\n[{'[' * 500}]\n"
    assert asked_for(b"a" * 4000, files(_=text)) == {}
