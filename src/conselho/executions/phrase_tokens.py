"""Which words, counts and names is a line made of?

A name is whatever is written like one: `errors.py`, `test_error_path`, `--no-error`, `$error`, `fail(`, `error-prone`,
a date. Names are no words, so nothing in them speaks of a problem. The one exception is an exception: `ValueError:`.

The expression takes each run of characters whole and never gives any back, so time is linear in the line's length,
whatever it says.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from conselho.executions import verdict_words as words

_RUN = re.compile(r"\w+(?:(?:[-./\\@~&+|']|::|(?<=\d)[,:](?=\d))\w+)*+(?:\((?:s|es)\))?%?|[^\w\s]+")
_COUNT = re.compile(r"(?P<count>\d{1,3}(?:[.,]\d{3})++|\d++)(?:/\d++)?%?|(?P<share>\d++[.,]\d++)%")
_PHRASE = re.compile(r"\b(?:" + "|".join(words.PHRASES) + r")\b", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*+[A-Za-z]")
_GLUE_BEFORE = frozenset("/\\@$#-_~&")
_GLUE_AFTER = frozenset("(/\\$")
_QUOTES = "\"'`*«»“”‘%"
# Not é: alone it is a verb (`não é um erro`), and `e` means and.
_ACCENTS = dict[int, str | None](
    zip(map(ord, "áàâãäèêëíìîïóòôõöúùûüçñ’"), "aaaaaeeeiiiiooooouuuucn'", strict=True),
)
_ACCENTS |= {ord(chr(code).upper()): plain and plain.upper() for code, plain in _ACCENTS.items()}
_ACCENTS |= dict.fromkeys(range(0x0300, 0x0370))  # accents that stand alone, as macOS writes them


class Token(NamedTuple):
    """A word (lower case, without accents), a count, a mark (a run of punctuation) or a name."""

    kind: Literal["word", "count", "mark", "name"]
    text: str
    capitals: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether it is a count of nothing."""
        return self.kind == "count" and not self.text.strip("0.,")

    @property
    def ends_clause(self) -> bool:
        """Whether what stands on its other side is another matter."""
        return self.kind == "mark" or (self.kind == "word" and self.text in words.CLAUSE_ENDS)


def plain(line: str) -> str:
    """The line without colours and accents."""
    return (_COLOUR.sub("", line) if "\x1b" in line else line).translate(_ACCENTS)


def split(line: str) -> Iterator[Token]:
    """The tokens of a plain line. Quotes and asterisks around words are left out."""
    line = _PHRASE.sub(lambda match: words.PHRASES[match[0].lower()], line)
    for match in _RUN.finditer(line):
        start, end = match.span()
        text = match[0]
        if not (text[0].isalnum() or text[0] == "_"):
            if mark := text.lstrip(_QUOTES) or (text if text in words.NOTHING_MARKS else ""):
                yield Token("mark", mark)
        elif _is_glued(line[start - 1] if start else "", line[end : end + 1]):
            yield Token("name", text)
        else:
            yield _token(text, labels=line.startswith(":", end))


def _is_glued(before: str, after: str) -> bool:
    """Whether the characters beside a run make it a name: `--errors`, `$error`, `fail(`, or `failed` in backticks."""
    return before in _GLUE_BEFORE or after in _GLUE_AFTER or (before == after == "`")


def _token(text: str, *, labels: bool) -> Token:
    """One run of letters and digits. `labels`: a colon follows at once."""
    if text[0].isdigit() and (count := _COUNT.fullmatch(text)) is not None:
        return Token("count", count["count"] or count["share"])
    text = text.removesuffix("(s)").removesuffix("(es)")
    if labels and _is_exception(text):
        return Token("word", "exception")
    if text.replace("'", "").isalpha():
        return Token("word", text.lower(), capitals=text.isupper())
    # What begins with a digit is mostly a time; a log's `May 3 12:30:00 ERROR` is no supposition.
    return Token("mark" if text[0].isdigit() else "name", text)


def _is_exception(text: str) -> bool:
    """`ValueError`, `java.lang.IllegalStateException`: how languages name what was raised."""
    name = text.rpartition(".")[2]
    return name.endswith(("Error", "Exception")) and name not in {"Error", "Exception"} and name[0].isupper()
