"""How does GIN, which knows no order, find the newest rows that have some words? Span by span.

Its index also knows in which spans of time a row lies, of four lengths. So it can be asked for the rows of one span
alone, for a part of what all would cost. The walk goes from the newest span to older ones: where little was found the
next span is a longer one, where too much was found it is a shorter one, and where a longer one would have too much it
is as long as the last. Rare words are thus settled with a few long spans, frequent ones with some short ones, and words
long out of use by long empty ones.

Surprising:
- A span is asked for without order and up to a limit: GIN's findings are cheap, to look each up in the table is not.
- The conditions on the key are written so that no index serves them: the planner would rather walk the key's.
- `<->` makes PostgreSQL look into every row that has all words of a phrase. So the index is asked for those words and
  for their `pairs`, which needs no look, and the phrase is looked for in what was found, the newest first.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

from sqlalchemy import ARRAY, BigInteger, Select, Table, any_, bindparam, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from conselho.db.tx import Tx

MARK = "¶"  # no phrase goes across one; no word has it, so what begins with it is said about a row, not found in it
PAIR = "+"  # no word begins so
SHORT_CHARACTERS = 3  # `of`, `the`, `não`: half of all rows have these. With all pairs the index costs twice as much
SHIFTS = (42, 46, 50, 54)  # of a key, whose lowest 20 bits are within a millisecond: 70 minutes to 200 days
FIRST = 0  # the shortest is soon looked at, and enough for what most rows have
SPAN_ROWS = 500  # found in a span, some 1 ms; with more of them a shorter one is asked for
LOOKED_AT_ONCE = 100  # rows that are looked into for a phrase; a page is filled from so many
SORT_KILOBYTES = 32 * 1024  # memory in which GIN's findings stay exact: inexact ones are all looked at again
PENDING_KILOBYTES = 256  # that GIN sorts in at once; with the usual 4 MB one batch in a hundred took half a second

# Without these the planner, which cannot know how rare a word is, looks through the whole table at times.
SETTINGS = tuple(
    func.set_config(name, value, True)  # noqa: FBT003 - until the transaction ends
    for name, value in (("enable_seqscan", "off"), ("work_mem", f"{SORT_KILOBYTES}kB"), ("jit", "off"))
)

_ALL = len(SHIFTS)  # beyond the longest span: everything
_KEY_MIN = -(1 << 63)
_SPANS = "ARRAY[" + ", ".join(f"({{key}} >> {shift}) * 4 + {level}" for level, shift in enumerate(SHIFTS)) + "]"
CREATE_INDEX = (
    f"CREATE INDEX {{index}} ON {{table}} USING gin (words, ({_SPANS.format(key='key')}))"
    f" WITH (gin_pending_list_limit = {PENDING_KILOBYTES})"
)


class Spans:
    """The walk through one table."""

    def __init__(self, searched: Table, span_rows: int = SPAN_ROWS) -> None:
        self._most = span_rows
        key = searched.c.key
        asked = cast(bindparam("asked"), TSQUERY)
        fits = searched.c.words.op("@@", is_comparison=True)(asked)
        plain_key = key + literal_column("0")
        between = (plain_key < bindparam("below"), plain_key >= bindparam("at_least"))
        spans = _SPANS.format(key=f"{searched.name}.key")
        in_span = text(f"{spans} @> ARRAY[CAST(:span AS bigint)]")
        self._everywhere = select(key).where(fits, *between).limit(bindparam("most"))
        self._in_span = self._everywhere.where(in_span)
        self._in_shortest: Select[Any] = (
            select(key).where(fits, *between, in_span).order_by(plain_key.desc()).limit(bindparam("most"))
        )
        newest = select(func.max(key)).where(key < bindparam("below")).scalar_subquery()
        self._newest = select(newest, *SETTINGS)
        self._oldest = select(func.min(key))
        self._fitting = select(key).where(key == any_(bindparam("keys", type_=ARRAY(BigInteger))), fits)

    def newest(self, tx: Tx, words: str, phrases: str | None, *, below: int, at_least: int, limit: int) -> list[int]:
        """The greatest keys in [at_least, below), falling, at most `limit`.

        `words`: a tsquery that the index answers by itself; `phrases`: one for which the rows are looked into.
        """
        found: list[int] = []
        newest = tx.execute(self._newest, {"below": below}).one()[0]
        below = _KEY_MIN if newest is None else newest + 1  # not through years to come
        level = FIRST
        full: list[tuple[int, int]] = []  # spans in which there is too much: their starts and levels
        while below > at_least and len(found) < limit:
            start = max(at_least, _start(level, below - 1))
            # Of everything that has the words the oldest comes first, from pages that nobody has looked at for long.
            most = self._most if level < _ALL else min(self._most, 2 * limit)
            keys = self._found(tx, words, level, below, start, most)
            if level > 0 and len(keys) > most:
                if level == _ALL:
                    at_least = max(at_least, tx.execute(self._oldest).scalar_one())
                full.append((start, level))
                level -= 1
                continue
            keys.sort(reverse=True)
            wanted = limit - len(found)
            found += keys[:wanted] if phrases is None else self._having(tx, phrases, keys, wanted)
            if not keys:
                level += 2  # two words that are never together cost the same in a span of any length
            elif not self._would_fill(len(keys), below - start, level + 1):
                level += 1
            below = keys[-1] if len(keys) > self._most else start  # nothing is shorter than the shortest
            while full and below <= full[-1][0]:
                full.pop()
            level = min(level, full[-1][1] - 1 if full else _ALL)
        return found

    def _found(self, tx: Tx, words: str, level: int, below: int, at_least: int, most: int) -> list[int]:
        """Keys of one span, one more than `most` where it has more."""
        wish: dict[str, Any] = {"asked": words, "below": below, "at_least": at_least, "most": most + 1}
        if level == _ALL:
            return _keys(tx, self._everywhere, wish)
        wish["span"] = ((below - 1) >> SHIFTS[level]) * 4 + level
        return _keys(tx, self._in_shortest if level == 0 else self._in_span, wish)

    def _would_fill(self, count: int, length: int, level: int) -> bool:
        """Whether there would be too much in a span of that level, if it is as full as the last one was."""
        return level < _ALL and count * (1 << SHIFTS[level]) > self._most * length

    def _having(self, tx: Tx, phrases: str, keys: Sequence[int], wanted: int) -> list[int]:
        found: list[int] = []
        for first in range(0, len(keys), LOOKED_AT_ONCE):
            wish = {"asked": phrases, "keys": keys[first : first + LOOKED_AT_ONCE]}
            found += sorted(_keys(tx, self._fitting, wish), reverse=True)
            if len(found) >= wanted:
                return found[:wanted]
        return found


def pairs(words: Sequence[str]) -> set[str]:
    """What stands in the index for two words that follow each other, one of them short: for a few other pairs, too."""
    return {
        f"{PAIR}{crc32(f'{first} {second}'.encode()) & 0xFFFF:04x}"
        for first, second in pairwise(words)
        if (len(first) <= SHORT_CHARACTERS or len(second) <= SHORT_CHARACTERS)
        and first[0] != MARK
        and second[0] != MARK
    }


def _start(level: int, key: int) -> int:
    return _KEY_MIN if level == _ALL else key >> SHIFTS[level] << SHIFTS[level]


def _keys(tx: Tx, statement: Select[Any], wish: dict[str, Any]) -> list[int]:
    return [int(row[0]) for row in tx.execute(statement, wish)]
