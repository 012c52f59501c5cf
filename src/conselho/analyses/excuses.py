"""A file does not parse: is there a good reason?

Templates are no JSON or YAML until they are filled in. JSON may hold comments where its reader takes them,
and may be one document a line. Python may be written for a newer Python than this one. Test data is often
broken on purpose. What is excused is counted and told, and is no finding.
"""

import re
import sys
import tomllib
from collections.abc import Mapping

from conselho.analyses import formats, languages

TEST_DATA = "test data, which may be broken on purpose"
TEMPLATE = "templates, to be filled in before they are read"
COMMENTED_JSON = "JSON with comments, for readers that take them"
JSON_LINES = "JSON, one document a line"

_COMMENTED_JSON = re.compile(
    rb"(^|/)(tsconfig[^/]*|jsconfig[^/]*|\.?devcontainer|\.eslintrc|\.swcrc|\.babelrc|\.jshintrc|api-extractor[^/]*"
    rb"|deno|turbo|nx|biome|renovate|wrangler|language-configuration)\.json$|(^|/)\.(vscode|devcontainer)/|\.jsonc$"
)
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*+"?|(//[^\n]*|/\*.*?(?:\*/|\Z))', re.DOTALL)
_STRING_OR_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\])*+"?|(,)(?=\s*+[]}])', re.DOTALL)

# Quoted, braces are data: translations are full of "{{name}}".
_QUOTED = re.compile(rb"\"(?:\\.|[^\"\\\n])*+\"|'[^'\n]*+'")
_TEMPLATE = re.compile(rb"\{\{|\{%|<%")
_PYTHON_TEMPLATE = re.compile(rb"\{%-? *\w+[^\n]{0,200}?%\}|\{\{ *cookiecutter")

_TEST_FOLDER = re.compile(rb"(^|/)(tests?|__tests__|specs?|testing)/")
_TEST_DATA = re.compile(rb"(^|/)(fixtures?|test[-_]?data|__snapshots__|testcases|corpus)/")
_DATA_OF_TESTS = re.compile(rb"(^|/)(data|samples?|inputs?|cases)/|[/_-](bad|invalid|broken|malformed)")
_MINOR_ASKED_FOR = re.compile(r"(?:>=?|~=|==|\^|~)\s*3\.(\d{1,3})")


def excuse(path: bytes, data: bytes, requires_minor: int | None) -> str | None:
    """Why the fault of this file is none, in words that follow "3 files: "; None when there is no excuse.

    `requires_minor`: the Python 3 the project asks for, if it does.
    """
    suffix = languages.suffix(path)
    is_python = suffix in formats.PYTHON_SUFFIXES
    if is_python and requires_minor is not None and requires_minor > sys.version_info.minor:
        return f"the project is for Python 3.{requires_minor}, which Python {formats.PYTHON} cannot judge"
    if b"{{" in path or (_PYTHON_TEMPLATE.search(data) if is_python else _TEMPLATE.search(_QUOTED.sub(b"", data))):
        return TEMPLATE
    if suffix in formats.JSON_SUFFIXES and (dialect := _dialect(path, data)):
        return dialect
    return TEST_DATA if is_test_data(path) else None


def is_test_data(path: bytes) -> bool:
    """True for what tests are fed with, by its place."""
    return bool(_TEST_DATA.search(path) or (_TEST_FOLDER.search(path) and _DATA_OF_TESTS.search(path)))


def required_minor(pyproject: bytes | None) -> int | None:
    """The lowest Python 3 a `pyproject.toml` asks for; None where it does not say."""
    try:
        project: object = tomllib.loads((pyproject or b"").decode())
    except (ValueError, RecursionError):
        return None
    asked = (
        _at(project, "project", "requires-python"),
        _at(project, "tool", "poetry", "dependencies", "python"),
    )
    minors = [int(minor) for words in asked if isinstance(words, str) for minor in _MINOR_ASKED_FOR.findall(words)]
    return min(minors, default=None)


def _at(table: object, *keys: str) -> object:
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def _dialect(path: bytes, data: bytes) -> str | None:
    text = data.decode(errors="replace").removeprefix("\ufeff")
    plain = _STRING_OR_COMMENT.sub(lambda match: " " if match[1] else match[0], text)
    if plain != text or _COMMENTED_JSON.search(path):
        relaxed = _STRING_OR_LAST_COMMA.sub(lambda match: "" if match[1] else match[0], plain)
        return COMMENTED_JSON if _is_json(relaxed) else None
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.lstrip()[0] in "[{" and _is_json(line) for line in lines):
        return JSON_LINES
    return None


def _is_json(text: str) -> bool:
    return formats.json_fault(text.encode()) is None
