"""Which faults of white space may be mended in a file?

Those of which it is known that nothing but white space changes. In Markdown two spaces at the end of a line break it;
many languages have strings over several lines, where they are text, and only Python's are looked for line by line: in
others a file that may have one keeps its spaces and line ends. What is no format of this list, patches and recorded
output say, is left alone altogether; and so is what the project itself wants left alone, in `.gitattributes` or
`.editorconfig`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conselho.analyses import excuses, languages
from conselho.maintainer import meaning
from conselho.maintainer.whitespace import CRLF, LF, OF_WHITE_SPACE, Kind

LINE_BYTES_MAX = 5000
"""Nobody wrote a longer line by hand."""

PROSE = frozenset((b"md", b"markdown", b"rst"))
_OPENERS = {
    "c h cc cpp cxx hh hpp hxx": rb'R"',
    "cs": rb'@"|@\$|"""',
    "css scss less": rb"(?!)",  # each line of a string ends with a backslash
    "go": rb"`",
    "java kt kts scala swift dart": rb'"""|' + rb"'''",
    "js jsx mjs cjs ts tsx mts cts": rb"`|<\?xml|<!DOCTYPE",
}
_LONG_STRING = {
    suffix.encode(): re.compile(opener) for suffixes, opener in _OPENERS.items() for suffix in suffixes.split()
}
_ODD_QUOTES = re.compile(rb'^[^"\n]*"(?:[^"\n]*"[^"\n]*")*[^"\n]*$', re.MULTILINE)
_RECORDED = re.compile(rb"(^|/)(goldens?|snapshots?|__snapshots__|expected|approved|cassettes)(/|\.)|\.(snap|golden)\.")
_AT_THE_END = frozenset((Kind.EMPTY_LINES, Kind.NO_NEW_LINE))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the project says of a file: which kinds may be mended, and what mixed lines shall end with."""

    kinds: frozenset[Kind] = frozenset(OF_WHITE_SPACE)
    line_end: bytes | None = None


def is_candidate(path: bytes) -> bool:
    """Whether faults of white space are mended in files of this name and place."""
    suffix = languages.suffix(path)
    is_known = suffix in PROSE or suffix in _LONG_STRING or meaning.is_known(path)
    return is_known and not (languages.is_foreign(path) or excuses.is_test_data(path) or _RECORDED.search(path))


def wishes(attributes: Mapping[str, str], editorconfig: Mapping[str, str]) -> Wishes:
    """What is asked for in `.gitattributes` (as git tells it) and `.editorconfig`; where they differ, git wins."""
    if any(attributes.get(name, "unspecified") not in ("unspecified", "unset") for name in _NOT_OURS):
        return Wishes(frozenset())
    white_space = attributes.get("whitespace", "")
    if attributes.get("text") == "unset":
        return Wishes(frozenset())
    kinds = set(OF_WHITE_SPACE)
    if editorconfig.get("trim_trailing_whitespace") == "false" or _is_off(white_space, "blank-at-eol"):
        kinds.discard(Kind.TRAILING_SPACE)
    if editorconfig.get("insert_final_newline") == "false":
        kinds -= _AT_THE_END
    if _is_off(white_space, "blank-at-eof"):
        kinds.discard(Kind.EMPTY_LINES)
    wanted = attributes.get("eol", "unspecified")
    end = _LINE_ENDS.get(wanted if wanted in _LINE_ENDS else editorconfig.get("end_of_line", ""))
    return Wishes(frozenset(kinds), end)


def kinds_in(path: bytes, data: bytes) -> frozenset[Kind]:
    """The kinds that may be mended in this file, whatever its project says. It parses, where it can be parsed."""
    if languages.is_generated(data) or max(map(len, data.split(LF))) > LINE_BYTES_MAX or not _is_utf8(data):
        return frozenset()
    suffix = languages.suffix(path)
    if suffix in PROSE:
        return frozenset(OF_WHITE_SPACE) - {Kind.TRAILING_SPACE}
    opener = _LONG_STRING.get(suffix)
    if opener is not None and (opener.search(data) or _ODD_QUOTES.search(data.replace(rb"\"", b""))):
        return _AT_THE_END
    return frozenset(OF_WHITE_SPACE)


_NOT_OURS = ("filter", "linguist-generated", "linguist-vendored")
_LINE_ENDS = {"lf": LF, "crlf": CRLF}
ATTRIBUTES = ("text", "eol", "whitespace", *_NOT_OURS)


def _is_off(white_space: str, name: str) -> bool:
    """Whether the attribute `whitespace` says that this is no fault: wholly unset, or this word with a minus."""
    words = white_space.split(",")
    return white_space == "unset" or f"-{name}" in words or "-trailing-space" in words


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
