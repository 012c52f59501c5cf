"""How are rows found by their words, newest first? FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

Neither gets to cut text into words: both are handed words that were cut already, so that they find the same. A table
that is searched has an integer `key` for its primary key, greater for what is newer, and a column of `Words`.

Surprising:
- FTS5 walks its lists in the order of keys and stops when a page is full. GIN cannot: it finds all there are, which
  takes a second for a word that a third of all rows have. So it is asked span by span (`spans.py`).
- For `word*` both databases merge the lists of all words that begin so before they find anything. Hence the latest rows
  are looked through one by one first: frequent beginnings fill a page there, the index is asked for rare ones only.
- FTS5's index is a virtual table with tables of its own, kept in step by triggers. The models know nothing of them
  (`is_own`), and a migration that writes the searched table anew has to make them again.
- FTS5 would merge its lists when it likes, for half a second now and then, and all who write would wait. So it is told
  not to, and `tidy` merges a little after each batch. GIN's list of what is not sorted in yet is short for that reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.types import TypeDecorator, TypeEngine

from conselho.db import spans
from conselho.db.among import among
from conselho.db.spans import MARK, PENDING_KILOBYTES, Spans
from conselho.db.tx import Tx

__all__ = ["MARK", "FullText", "Phrase", "Words"]

# Looked through one by one: what 20 % of them have fills a page, 5 % where more are looked through. GIN takes a second
# to find what one in ten has, FTS5 some 50 ms.
LATEST_ROWS = {"sqlite": 250, "postgresql": 1_000}
MERGED_PAGES = 100  # of FTS5's lists with each batch, some 2 ms; a batch of 50 executions writes about ten
_SUFFIX = "_fulltext"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other; with `is_prefix` the last one need only begin so."""

    words: tuple[str, ...]
    is_prefix: bool = False


class Words(TypeDecorator[str]):
    """A column of words, written as one text with spaces between them; nobody reads it back."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, where FTS5 looks into it; `tsvector` on PostgreSQL."""
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """PostgreSQL's parser would cut once more, in a way of its own: it gets each word with its places."""
        return value if value is None or dialect.name == "sqlite" else _as_tsvector(value)


class FullText:
    """The index over one table."""

    def __init__(self, searched: Table, latest_rows: int | None = None, span_rows: int = spans.SPAN_ROWS) -> None:
        """`latest_rows`: to look through one by one, where a beginning is asked for; None: LATEST_ROWS."""
        self._latest_rows = LATEST_ROWS if latest_rows is None else dict.fromkeys(LATEST_ROWS, latest_rows)
        self._key = searched.c.key
        self._spans = Spans(searched, span_rows)
        name = searched.name + _SUFFIX
        self._words = searched.c.words
        self._of_those = select(self._key).where(among(self._key, "keys")).order_by(self._key.desc())
        self._fts = table(name, column("rowid"), column("rank"), column(name))
        self._merge = insert(self._fts).values({name: "merge", "rank": MERGED_PAGES})
        between = (self._key < bindparam("below"), self._key >= bindparam("at_least"))
        newest = select(self._key).where(*between).order_by(self._key.desc())
        self._nth = newest.offset(bindparam("nth", type_=Integer)).limit(1)
        # Both are seen to before anything else: the planner knows neither how many rows fit nor what that costs.
        latest = newest.add_columns(searched.c.words).limit(bindparam("latest_rows", type_=Integer)).cte("latest")
        self._latest = latest.prefix_with("MATERIALIZED", dialect="postgresql")
        fits = searched.c.words.op("@@", is_comparison=True)(cast(bindparam("asked"), TSQUERY))
        self._of_those_postgres = self._of_those.where(fits)
        found = select(self._key).where(fits, *between).cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
        self._in_gin = _newest(found.c.key)
        fits = self._latest.c.words.op("@@", is_comparison=True)(cast(bindparam("asked"), TSQUERY))
        self._in_latest_postgres = _newest(self._latest.c.key, fits)
        rowid = self._fts.c.rowid
        self._in_fts = _newest(
            rowid,
            self._fts.c[name].op("MATCH", is_comparison=True)(bindparam("asked", type_=Text)),
            rowid < bindparam("below"),
            rowid >= bindparam("at_least"),
        )

    def tidy(self, tx: Tx) -> None:
        """Merge a little of what was written; after each batch."""
        if tx.dialect == "sqlite":
            tx.execute(self._merge)

    def newest(self, tx: Tx, phrases: Sequence[Phrase], *, below: int, at_least: int, limit: int) -> list[int]:
        """The greatest keys in [at_least, below) whose rows have all phrases, falling, at most `limit`."""
        postgres = tx.dialect == "postgresql"
        has_prefix = any(phrase.is_prefix for phrase in phrases)
        if postgres and not has_prefix:
            followed = _as_tsquery(phrases) if any(len(phrase.words) > 1 for phrase in phrases) else None
            asked = _as_pairs(phrases)
            return self._spans.newest(tx, asked, followed, below=below, at_least=at_least, limit=limit)
        wish: dict[str, Any] = {"below": below, "at_least": at_least, "most": limit}
        wish["asked"] = _as_tsquery(phrases) if postgres else _as_match(phrases)
        found: list[int] = []
        if has_prefix:
            if postgres:
                tx.execute(_SETTINGS)
            latest_rows = self._latest_rows[tx.dialect]
            place = {"below": below, "at_least": at_least, "nth": latest_rows - 1}
            nth = tx.execute(self._nth, place).scalar_one_or_none()
            among = wish | {"latest_rows": latest_rows}
            found = _keys(tx, self._in_latest_postgres, among) if postgres else self._in_latest(tx, phrases, among)
            if nth is None or len(found) == limit:
                return found
            wish |= {"below": nth, "most": limit - len(found)}
        return found + _keys(tx, self._in_gin if postgres else self._in_fts, wish)

    def having(self, tx: Tx, phrases: Sequence[Phrase], keys: Sequence[int]) -> list[int]:
        """Those of `keys` whose rows have all phrases, falling: looked through one by one."""
        if tx.dialect == "postgresql":
            return _keys(tx, self._of_those_postgres, {"keys": keys, "asked": _as_tsquery(phrases)})
        texts = _texts(phrases)
        return _keys(tx, self._of_those.where(*_have(self._words, texts)), {"keys": keys} | texts)

    def _in_latest(self, tx: Tx, phrases: Sequence[Phrase], wish: dict[str, Any]) -> list[int]:
        texts = _texts(phrases)
        latest = self._latest
        return _keys(tx, _newest(latest.c.key, *_have(latest.c.words, texts)), wish | texts)


def create_index(connection: Connection, searched: str) -> None:
    """Index the column `words` of the table `searched`, in a migration."""
    for statement in _CREATE[connection.dialect.name]:
        connection.execute(text(statement.format(table=searched, index=searched + _SUFFIX)))


def index_spans(connection: Connection, searched: str) -> None:
    """Make PostgreSQL's index anew, with the spans of time that rows lie in; FTS5 needs none."""
    if connection.dialect.name == "postgresql":
        drop_index(connection, searched)
        connection.execute(text(spans.CREATE_INDEX.format(index=searched + _SUFFIX, table=searched)))


def unindex_spans(connection: Connection, searched: str) -> None:
    """Undo `index_spans`."""
    if connection.dialect.name == "postgresql":
        drop_index(connection, searched)
        connection.execute(text(_GIN.format(index=searched + _SUFFIX, table=searched)))


def drop_index(connection: Connection, searched: str) -> None:
    """Undo `create_index`, before the table goes."""
    for statement in _DROP[connection.dialect.name]:
        connection.execute(text(statement.format(table=searched, index=searched + _SUFFIX)))


def is_own(name: str | None) -> bool:
    """Whether a table or index of that name was made by `create_index`."""
    return name is not None and _SUFFIX in name


_GIN = f"CREATE INDEX {{index}} ON {{table}} USING gin (words) WITH (gin_pending_list_limit = {PENDING_KILOBYTES})"
_CREATE = {
    # The words are cut already: all that this tokenizer does is to part them at spaces.
    "sqlite": (
        """
        CREATE VIRTUAL TABLE {index} USING fts5(
            words, tokenize = 'ascii', content = '{table}', content_rowid = 'key', columnsize = 0, prefix = '3'
        )
        """,
        "INSERT INTO {index}({index}, rank) VALUES ('automerge', 0)",
        """
        CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN
            INSERT INTO {index}(rowid, words) VALUES (new.key, new.words);
        END
        """,
        """
        CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN
            INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.key, old.words);
        END
        """,
        """
        CREATE TRIGGER {index}_update AFTER UPDATE OF words ON {table} BEGIN
            INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.key, old.words);
            INSERT INTO {index}(rowid, words) VALUES (new.key, new.words);
        END
        """,
    ),
    # Words in the row itself would spread the keys over ten times as many pages.
    "postgresql": (
        _GIN,
        "ALTER TABLE {table} SET (toast_tuple_target = 128)",
    ),
}
_DROP = {
    "sqlite": (
        "DROP TRIGGER {index}_insert",
        "DROP TRIGGER {index}_delete",
        "DROP TRIGGER {index}_update",
        "DROP TABLE {index}",
    ),
    "postgresql": ("DROP INDEX {index}",),
}
_SETTINGS = select(*spans.SETTINGS)


def _newest(key: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(key).where(*conditions).order_by(key.desc()).limit(bindparam("most"))


def _keys(tx: Tx, statement: Executable, wish: dict[str, Any]) -> list[int]:
    return [int(row[0]) for row in tx.execute(statement, wish)]


def _texts(phrases: Sequence[Phrase]) -> dict[str, str]:
    """What to look for in a row's words, by the names of parameters."""
    return {f"text_{number}": _in_text(phrase) for number, phrase in enumerate(phrases)}


def _have(words: ColumnElement[Any], names: Iterable[str]) -> list[ColumnElement[bool]]:
    padded: ColumnElement[str] = literal_column("' '") + words + literal_column("' '")
    return [func.instr(padded, bindparam(name)) > 0 for name in names]


def _in_text(phrase: Phrase) -> str:
    return f" {' '.join(phrase.words)}" + ("" if phrase.is_prefix else " ")


def _as_match(phrases: Sequence[Phrase]) -> str:
    return " AND ".join(f'"{" ".join(phrase.words)}"' + (" *" if phrase.is_prefix else "") for phrase in phrases)


def _as_tsquery(phrases: Sequence[Phrase]) -> str:
    return " & ".join(f"({_as_followed(phrase)})" for phrase in phrases)


def _as_pairs(phrases: Sequence[Phrase]) -> str:
    """What the index can answer alone: the words of all phrases, and which of them follow each other."""
    asked = [word for phrase in phrases for word in phrase.words]
    asked += [pair for phrase in phrases for pair in spans.pairs(phrase.words)]
    return " & ".join(f"'{word}'" for word in dict.fromkeys(asked))


def _as_followed(phrase: Phrase) -> str:
    return " <-> ".join(f"'{word}'" for word in phrase.words) + (":*" if phrase.is_prefix else "")


def _as_tsvector(words: str) -> str:
    places: dict[str, list[str]] = {}
    parted = words.split()
    for place, word in enumerate(parted, 1):
        places.setdefault(word, []).append(str(place))
    return " ".join([*(f"'{word}':{','.join(at)}" for word, at in places.items()), *spans.pairs(parted)])
