"""Does a file say what its format allows?

Each check returns the first fault or None. Nothing of a file is executed or built: Python is compiled in
memory (no `.pyc`), YAML is only read as events (no tags are resolved, no aliases unfolded, so that neither
a custom tag nor a bomb matters).
"""

import json
import re
import sys
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from conselho.analyses import languages

try:
    YAML_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = yaml.CSafeLoader
except AttributeError:  # PyYAML was built without libyaml: the same, but slower.
    YAML_LOADER = yaml.SafeLoader


@dataclass(frozen=True)
class Fault:
    """The first place where a file does not parse, in words."""

    line: int | None
    reason: str


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_LINE_IN_MESSAGE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
YAML_DEPTH_MAX = 500
"""Deeper is an attack on the parser, whose time grows with the square; nothing is said about such a file."""

PYTHON_SUFFIXES = (b"py", b"pyi")
JSON_SUFFIXES = (b"json", b"jsonc", b"ipynb", b"geojson", b"webmanifest")


def check_of(path: bytes) -> Callable[[bytes], Fault | None] | None:
    """The check for a file's format; None where there is none."""
    return _CHECKS.get(languages.suffix(path))


def python_fault(data: bytes) -> Fault | None:
    """Compiled, not only parsed: `return` outside a function is found by the compiler."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, "<file>", "exec", dont_inherit=True)
    except SyntaxError as fault:
        return Fault(fault.lineno or None, fault.msg)
    except (ValueError, OverflowError) as fault:
        return Fault(None, str(fault))
    except (RecursionError, MemoryError):
        return Fault(None, "nested deeper than Python can compile")
    return None


def json_fault(data: bytes) -> Fault | None:
    """Strict JSON; a byte order mark is passed over, as most readers do."""
    try:
        # Numbers as floats: Python would refuse an integer of 5,000 digits, which is JSON.
        json.loads(data.decode("utf-8-sig"), parse_int=float)
    except json.JSONDecodeError as fault:
        return Fault(fault.lineno, "the file is empty" if not data.strip() else fault.msg)
    except UnicodeDecodeError as fault:
        return _not_utf8(data, fault)
    except RecursionError:
        return None  # Deep nesting is allowed; that Python's parser gives up says nothing.
    return None


def toml_fault(data: bytes) -> Fault | None:
    """TOML 1.0."""
    try:
        tomllib.loads(data.decode())
    except tomllib.TOMLDecodeError as fault:
        place = _LINE_IN_MESSAGE.search(str(fault))
        line = int(place[1]) if place and place[1] else data.count(b"\n") + 1
        return Fault(line, _LINE_IN_MESSAGE.sub("", str(fault)))
    except UnicodeDecodeError as fault:
        return _not_utf8(data, fault)
    except RecursionError:
        return None
    return None


def yaml_fault(data: bytes) -> Fault | None:
    """YAML 1.1, one or several documents."""
    try:
        depth = 0
        for event in yaml.parse(data, Loader=YAML_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > YAML_DEPTH_MAX:
                return None
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else None
        return Fault(line, fault.problem or "it cannot be parsed")
    except yaml.YAMLError as fault:
        return Fault(None, str(fault).partition("\n")[0])
    except RecursionError:
        return None
    return None


def _not_utf8(data: bytes, fault: UnicodeDecodeError) -> Fault:
    return Fault(data.count(b"\n", 0, fault.start) + 1, "it is not UTF-8")


_CHECKS: dict[bytes, Callable[[bytes], Fault | None]] = {
    **dict.fromkeys(PYTHON_SUFFIXES, python_fault),
    **dict.fromkeys(JSON_SUFFIXES, json_fault),
    b"toml": toml_fault,
    b"yaml": yaml_fault,
    b"yml": yaml_fault,
}
