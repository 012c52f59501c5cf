"""Which words does a text have, and which does somebody look for?

The same cut for both, and for both databases, so that they cannot disagree: letters and digits in a row are a word,
without case and without accents - `Ação` and `acao` are one - and everything else only separates. A name with signs
in it, `run_tests.py` or `src/app`, is therefore a phrase of its parts.

A query's words must all be there; `"…"` asks for a phrase and `deploy*` for any word that begins so. Nothing else in
it means anything, so that no query is wrong, however it is written; only a long one is refused.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from conselho import errors
from conselho.db.fulltext import MARK, Phrase

FIELD_BYTES_MAX = 16 * 1024  # of a prompt, a result or an error: who looks for more wants the log
FIELD_WORDS_MAX = 5_000  # so that all words of an execution have a place: PostgreSQL counts to 16,383
REPEATS_MAX = 255  # places of one word that PostgreSQL keeps; further ones are told to neither database
WORD_CHARACTERS_MAX = 64  # a longer one, mostly a blob of base64, is known by its beginning
QUERY_CHARACTERS_MAX = 300
QUERY_WORDS_MAX = 20

_WORD = re.compile(r"[^\W_]+")
_ASCII_WORD = re.compile(r"[0-9a-z]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_ASKED = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans("“”„«»", '"""""')
_BEGINS = re.compile(r"[^\W_]\*+$")


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        plain = unicodedata.normalize("NFKD", text.casefold())
        # Once more: what a sign is made of may have a case, and two signs may make one again.
        found = _WORD.findall(_ACCENTS.sub("", unicodedata.normalize("NFKD", plain.casefold())))
    return [word if len(word) <= WORD_CHARACTERS_MAX else word[:WORD_CHARACTERS_MAX] for word in found]


def document(fields: Sequence[str | None], marks: Sequence[str] = ()) -> str:
    """What the index gets to know of an execution: the words of its fields, no phrase across two of them, and marks."""
    known: list[str] = []
    for field in fields:
        if field:
            known += words_of(_head(field))[:FIELD_WORDS_MAX]
            known.append(MARK)
    if len(known) > REPEATS_MAX:
        known = _without_endless_repeats(known)
    return " ".join([*known, *marks])


def parse(query: str) -> list[Phrase]:
    """What a query asks for; nothing, where it has no word. Raises: errors.Invalid for one that is too long."""
    if len(query) > QUERY_CHARACTERS_MAX:
        raise errors.Invalid(f"q is longer than {QUERY_CHARACTERS_MAX} characters: look for less")
    found: list[Phrase] = []
    for quoted, bare in _ASKED.findall(query.translate(_QUOTES)):
        words = words_of(quoted or bare)
        if words:
            found.append(Phrase(tuple(words), is_prefix=_BEGINS.search(bare) is not None))
    if sum(len(phrase.words) for phrase in found) > QUERY_WORDS_MAX:
        raise errors.Invalid(f"q has more than {QUERY_WORDS_MAX} words: look for less")
    return list(dict.fromkeys(found))


def _head(text: str) -> str:
    """At most FIELD_BYTES_MAX of a text, cut between two characters."""
    text = text[:FIELD_BYTES_MAX]
    if text.isascii():
        return text
    return text.encode("utf-8", "replace")[:FIELD_BYTES_MAX].decode("utf-8", "ignore")


def _without_endless_repeats(words: list[str]) -> list[str]:
    often = {word: 0 for word, count in Counter(words).items() if count > REPEATS_MAX}
    if not often:
        return words
    kept = []
    for word in words:
        if word in often:
            often[word] += 1
            kept.append(word if often[word] <= REPEATS_MAX else MARK)
        else:
            kept.append(word)
    return kept
