"""How long is each function of a file?

Its own lines: those of functions and classes inside it are theirs, and a docstring is no code. Python is
parsed. In other languages only what a formatter lays out alike everywhere is looked at: an opening line,
and the next line with nothing but a closing brace at the same indentation. That can end a function too
early (in a text of several lines), never too late: a function found too long is too long.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function by its qualified name (`Board.render`), its first line and its own length in lines."""

    name: str
    line: int
    lines: int


_OPENINGS = {
    "go": re.compile(r"^()func (?:\([^)]*\) )?(\w+)"),
    "rust": re.compile(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*fn (\w+)"),
    "javascript": re.compile(
        r"^()(?:export )?(?:default )?(?:async )?"
        r"(?:function\*? (\w+)|const (\w+)[^=]*= (?:async )?\(.*=> \{$)"
    ),
    "shell": re.compile(r"^()(?:function )?([\w:-]+) ?\(\) ?\{$"),
}
_OPENINGS["typescript"] = _OPENINGS["javascript"]

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


def python_functions(source: bytes) -> list[Function]:
    """Every function of a Python file. Raises: what the parser raises, SyntaxError among others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    return list(_walk(tree))


def braced_functions(text: str, language: str) -> list[Function]:
    """The functions of a file in a language with braces; none where that language is not known."""
    opening = _OPENINGS.get(language)
    if opening is None:
        return []
    found: list[Function] = []
    name, line, closing = "", 0, ""
    for number, content in enumerate(text.split("\n"), start=1):
        if match := opening.match(content):
            name, line = next(part for part in match.groups()[1:] if part), number
            closing = match[1] + "}"
        elif closing and content.rstrip(" ;\r") == closing:
            found.append(Function(name, line, number - line + 1))
            closing = ""
    return found


def _walk(tree: ast.Module) -> Iterator[Function]:
    # A stack of our own: a hostile file nests deeper than Python lets functions call themselves.
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for inner in _definitions_in(node):
            name = f"{prefix}{inner.name}"
            waiting.append((inner, f"{name}."))
            if isinstance(inner, _Definition):
                yield Function(name, inner.lineno, _own_lines(inner))


def _own_lines(function: _Definition) -> int:
    lines = _span(function) - sum(_span(inner) for inner in _definitions_in(function))
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= _span(first)
    return lines


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _definitions_in(node: ast.AST) -> Iterator[_Definition | ast.ClassDef]:
    """The functions and classes in a block and its ifs, loops and tries, not those inside each other."""
    waiting = list(_statements(node))
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, _Definition | ast.ClassDef):
            yield statement
        else:
            waiting.extend(_statements(statement))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, block, None)
        if isinstance(inner, list):  # A conditional expression has a body too, and it is no list.
            yield from inner
