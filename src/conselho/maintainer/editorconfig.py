"""What do the `.editorconfig` files of a directory ask for in a file?

The three properties that are about faults of white space. A pattern that is not understood counts as one that matches,
where it says that something is to be left alone. Source: the EditorConfig specification, 0.17.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2  # a pattern of strangers takes linear time

NAME = b".editorconfig"
PATTERN_LENGTH_MAX = 1024  # as the specification says
PROPERTIES = ("trim_trailing_whitespace", "insert_final_newline", "end_of_line")

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}]*,[^{}]*\}|\\.|[^\\]", re.DOTALL)
_SINGLE = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class Section:
    """What one section says, in lower case. `pattern`: None where it was not understood."""

    pattern: Any
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class File:
    """One `.editorconfig`, for all that lies below `folder` (which ends in a slash, or is empty)."""

    folder: str
    is_root: bool
    sections: tuple[Section, ...]


def parse(path: bytes, data: bytes) -> File:
    """Read one; lines that are none are passed over, as the specification says."""
    folder = path.removesuffix(NAME).decode("utf-8", "replace")
    sections: list[tuple[str, dict[str, str]]] = [("", {})]
    for line in data.decode("utf-8-sig", "replace").splitlines():
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            sections.append((text[1:-1], {}))
        elif text and text[0] not in "#;" and "=" in text:
            name, _, value = text.partition("=")
            sections[-1][1][name.strip().lower()] = value.strip().lower()
    preamble, *rest = sections
    return File(folder, preamble[1].get("root") == "true", tuple(Section(_pattern(name), said) for name, said in rest))


def asked_for(path: bytes, files: Mapping[str, File]) -> dict[str, str]:
    """What holds for a file, of `files` by their folders: the nearest one and the last section that match win."""
    name = path.decode("utf-8", "replace")
    said: dict[str, str] = {}
    for file in reversed(list(_from_near_to_far(name, files))):
        for section in file.sections:
            said |= {
                wanted: value
                for wanted, value in section.said.items()
                if wanted in PROPERTIES and _holds(section, name.removeprefix(file.folder), value)
            }
    return said


def _from_near_to_far(name: str, files: Mapping[str, File]) -> Iterator[File]:
    folders = name.split("/")[:-1]
    for depth in range(len(folders), -1, -1):
        file = files.get("".join(f"{folder}/" for folder in folders[:depth]))
        if file is not None:
            yield file
            if file.is_root:
                return


def _holds(section: Section, name: str, value: str) -> bool:
    if section.pattern is None:
        return value == "false"
    return section.pattern.fullmatch(name) is not None


def _pattern(glob: str) -> Any:
    """Matches paths below the file's folder; None for what is not understood: nested braces, ranges of numbers."""
    tokens = _TOKEN.findall(glob.removeprefix("/"))
    if len(glob) > PATTERN_LENGTH_MAX or not {"{", "}", "["}.isdisjoint(tokens):
        return None
    anywhere = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    try:
        return re2.compile(f"(?s){anywhere}{_expression(tokens)}")
    except re2.error:
        return None


def _expression(tokens: list[str]) -> str:
    return "".join(map(_piece, tokens))


def _piece(token: str) -> str:
    if token in _SINGLE:
        return _SINGLE[token]
    if token.startswith("["):
        inside = re.escape(token[1:-1].removeprefix("!")).replace(r"\-", "-")
        return f"[{'^' if token[1] == '!' else ''}{inside}]"
    if token.startswith("{"):
        return "(?:" + "|".join(_expression(_TOKEN.findall(each)) for each in token[1:-1].split(",")) + ")"
    return re.escape(token.removeprefix("\\"))
