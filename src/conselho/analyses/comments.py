"""Which words of a file are comments, and which of those are marks of debt?

An expression per family of languages finds strings and comments in one pass, so that a marker in a string
is no marker. Markers are written in capitals: "todo" is a common word of Portuguese and Spanish. They stand
at the beginning of a comment line, or are followed by a colon or a bracket: "the TODO of last week" is talk
about one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from conselho.analyses import languages

_WORDS = "TODO|FIXME|HACK|XXX"
_ANYWHERE = re.compile(rf"\b(?:{_WORDS})\b".encode())
_MARK = re.compile(rf"""(?<![\w"'`/.-])(?P<word>{_WORDS})(?![\w"'`/.-])(?P<called>\s*(?:\([^)]*\))?\s*:|\()?""")
_DECORATION = " \t*#/;!<>-@|%="

# Unclosed strings end with their line (double quotes) or are none (single ones: "don't"). Every alternative
# matches in one go, without trying again: time grows with the length of the file and no faster.
_DOUBLE = r'"(?:\\.|[^"\\\n])*+"?'
_SINGLE = r"'(?:\\.|[^'\\\n]){0,200}+'"
_TRIPLES = tuple(rf"{3 * q}(?:[^{q}\\]|\\.|{q}(?!{q}{q}))*+(?:{3 * q})?" for q in "\"'")
_SLASHES = r"(?<!:)//(?P<a>[^\n]*)|/\*(?P<b>.*?)(?:\*/|\Z)"
_ANGLES = r"<!--(?P<c>.*?)(?:-->|\Z)"
_HASH = r"(?:(?<=\s)|\A)\#(?P<d>[^\n]*)"
_FAMILIES = {
    family: re.compile("|".join(parts), re.DOTALL)
    for family, parts in {
        "slashes": (_DOUBLE, _SINGLE, _SLASHES),
        "rust": (_DOUBLE, _SLASHES),  # 'a is a lifetime
        "script": (_DOUBLE, _SINGLE, r"`(?:\\.|[^`\\])*+`?", _SLASHES),
        "python": (*_TRIPLES, _DOUBLE, r"'(?:\\.|[^'\\\n])*+'?", r"\#(?P<a>[^\n]*)"),
        "php": (_DOUBLE, _SINGLE, _SLASHES, _HASH),
        "template": (_ANGLES, _SLASHES),
        "angles": (_ANGLES,),
        "hash": (_DOUBLE, _SINGLE, _HASH),
        "dashes": (_DOUBLE, _SINGLE, r"--(?P<a>[^\n]*)", r"/\*(?P<b>.*?)(?:\*/|\Z)"),
        "semicolon": (_DOUBLE, r";(?P<a>[^\n]*)"),
        "percent": (_DOUBLE, r"%(?P<a>[^\n]*)"),
    }.items()
}
_FAMILY_BY_LANGUAGE = {
    **dict.fromkeys(
        ("c", "c++", "c#", "css", "dart", "go", "java", "kotlin", "objective-c", "scala", "scss", "swift", "zig"),
        "slashes",
    ),
    **dict.fromkeys(("javascript", "typescript"), "script"),
    **dict.fromkeys(("elixir", "julia", "perl", "r", "ruby", "shell", "terraform"), "hash"),
    **dict.fromkeys(("haskell", "lua"), "dashes"),
    **dict.fromkeys(("clojure", "lisp"), "semicolon"),
    "erlang": "percent",
    "html": "angles",
    "python": "python",
    "php": "php",
    "rust": "rust",
    "template": "template",
}
_FAMILY_BY_SUFFIX = {
    **dict.fromkeys((b"yaml", b"yml", b"toml", b"cfg", b"conf", b"cmake", b"mk", b"nix", b"tcl", b"awk"), "hash"),
    **dict.fromkeys((b"md", b"xml", b"svg", b"xhtml"), "angles"),
    **dict.fromkeys((b"proto", b"groovy", b"gradle", b"jsonc"), "slashes"),
    b"sql": "dashes",
    b"ini": "semicolon",
    b"tex": "percent",
}
_FAMILY_BY_NAME = dict.fromkeys((b"Makefile", b"Dockerfile", b"Containerfile", b"Justfile", b"CMakeLists.txt"), "hash")


@dataclass(frozen=True)
class Marker:
    """One marker: its line (from 1), its word and what it says."""

    line: int
    word: str
    text: str


def markers(path: bytes, data: bytes) -> list[Marker]:
    """The markers in a file's comments; none where the language's comments are not known."""
    if not _ANYWHERE.search(data):
        return []
    found = []
    for line, raw in _comments(path, data):
        comment = raw.strip(_DECORATION)
        match = _MARK.search(comment)
        if match and (match.start() == 0 or match["called"]):
            found.append(Marker(line, match["word"], comment[match.end("word") :].strip(" \t:-")))
    return found


def has_comments(path: bytes) -> bool:
    """True when it is known what a comment looks like in such a file."""
    return _family(path) is not None


def _family(path: bytes) -> str | None:
    return (
        _FAMILY_BY_LANGUAGE.get(languages.language(path) or "")
        or _FAMILY_BY_SUFFIX.get(languages.suffix(path))
        or _FAMILY_BY_NAME.get(languages.name(path))
    )


def _comments(path: bytes, data: bytes) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment; one of several lines comes line by line."""
    if family := _family(path):
        yield from _matched_comments(_FAMILIES[family], data.decode(errors="replace"))


def _matched_comments(family: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    line, counted_to = 1, 0
    for match in family.finditer(text):
        if match.lastgroup is None:
            continue
        start = match.start(match.lastgroup)
        line += text.count("\n", counted_to, start)
        counted_to = start
        for offset, content in enumerate(match[match.lastgroup].split("\n")):
            yield line + offset, content
