"""Does a file still say the same after it was mended?

For formats that can be parsed here the two are parsed and compared. In Python it is also known beforehand which lines
must not be touched: those that end inside a string.
"""

import ast
import io
import json
import tokenize
import tomllib
import warnings
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

import yaml

from conselho.analyses import formats, languages


def is_known(path: bytes) -> bool:
    """Whether two versions of this file can be compared: its format can be parsed here."""
    return languages.suffix(path) in _COMPARED


def is_same(path: bytes, before: bytes, after: bytes) -> bool:
    """Whether both say the same; not where one of them does not parse."""
    try:
        return before == after or _COMPARED[languages.suffix(path)](before, after)
    except (SyntaxError, ValueError, RecursionError, MemoryError, yaml.YAMLError):
        return False


def lines_in_strings(path: bytes, data: bytes) -> set[int]:
    """The lines, from 1, whose end is inside a string, as far as that can be told beforehand.

    Raises: SyntaxError, ValueError where that cannot be looked for.
    """
    suffix = languages.suffix(path)
    if suffix in formats.PYTHON_SUFFIXES:
        return _python_strings(data)
    return _yaml_strings(data) if suffix in (b"yaml", b"yml") else set()


def same_but_imports(before: bytes, after: bytes) -> bool:
    """Whether both are the same program, but for which modules are imported and in which order."""
    try:
        first, second = (ast.dump(_WithoutImports().visit(tree(each))) for each in (before, after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return first == second


def _python_strings(source: bytes) -> set[int]:
    found: set[int] = set()
    opened: list[int] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                found.update(range(token.start[0], token.end[0]))
            elif name.endswith("STRING_START"):  # of an f-string, which since Python 3.12 comes in parts
                opened.append(token.start[0])
            elif name.endswith("STRING_END"):
                found.update(range(opened.pop(), token.end[0]))
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from error
    return found


def _yaml_strings(data: bytes) -> set[int]:
    found: set[int] = set()
    try:
        for event in yaml.parse(data, Loader=formats.YAML_LOADER):
            if isinstance(event, yaml.ScalarEvent) and event.start_mark and event.end_mark:
                found.update(range(event.start_mark.line + 1, event.end_mark.line + 1))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return found


def _same_python(before: bytes, after: bytes) -> bool:
    return ast.dump(tree(before)) == ast.dump(tree(after))


class _WithoutImports(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> None:
        """Gone."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Gone."""

    def visit_Pass(self, node: ast.Pass) -> None:
        """Gone."""


def tree(source: bytes) -> ast.Module:
    """A Python program, parsed without a word. Raises: SyntaxError, ValueError, RecursionError, MemoryError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _same_json(before: bytes, after: bytes) -> bool:
    return bool(_json(before) == _json(after))


def _json(data: bytes) -> Any:
    # Pairs, since a name may come twice; and numbers as they are written, since NaN is not itself.
    return json.loads(
        data.decode("utf-8-sig"), parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=tuple
    )


def _same_toml(before: bytes, after: bytes) -> bool:
    first, second = (tomllib.loads(each.decode(), parse_float=str) for each in (before, after))
    return first == second


def _same_yaml(before: bytes, after: bytes) -> bool:
    return all(first == second for first, second in zip_longest(_events(before), _events(after)))


def _events(data: bytes) -> Iterator[tuple[object, ...]]:
    """What a parser reports, places aside: nothing is built, so neither tags nor bombs of aliases matter."""
    depth = 0
    for event in yaml.parse(data, Loader=formats.YAML_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > formats.YAML_DEPTH_MAX:
            raise ValueError("nested too deeply")
        said = ("anchor", "tag", "implicit", "value", "style", "explicit", "version", "tags")
        yield (type(event), *(getattr(event, name, None) for name in said))


_COMPARED: dict[bytes, Callable[[bytes, bytes], bool]] = {
    **dict.fromkeys(formats.PYTHON_SUFFIXES, _same_python),
    b"json": _same_json,
    b"geojson": _same_json,
    b"webmanifest": _same_json,
    b"toml": _same_toml,
    b"yaml": _same_yaml,
    b"yml": _same_yaml,
}
