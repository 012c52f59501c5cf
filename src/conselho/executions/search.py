"""How do the words of an execution get into the index, and how are executions found by them?

A step follows the events: what was enqueued and what ended is indexed, a batch at a time, in the unit that moves the
step's cursor. So the unit that enqueues pays nothing, a crash costs nothing but the batch, and an execution is found
some moments after it changed.

Surprising:
- The index knows rows by a number that rises with their creation, to the millisecond; within one, the order is that in
  which they came to the index.
- It also knows, as words that nobody can type, who asked for an execution and how it ended: the few runs of one agent
  that have a frequent word would else be looked for among everybody's. These may be a moment old, so whoever finds an
  execution looks at the row, too.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Table, bindparam, func, insert, select, update

from conselho.db.fulltext import MARK, FullText, Phrase
from conselho.db.session import Tx, bulk
from conselho.events import cursors
from conselho.events import log as events
from conselho.executions import states, words
from conselho.executions.models import Execution, Searched

FOLLOWER = "search"
EVENTS_AT_ONCE = 200
EXECUTIONS_AT_ONCE = 50  # in one short transaction, some 10 ms
BYTES_AT_ONCE = 200_000  # of their texts: some 10 ms too
MARKED = ("origin", "agent", "agent_id", "councilor_id", "card_id", "severity")
OPEN = "open"
KEY_MIN, KEY_MAX = -(1 << 63), (1 << 63) - 1

_SLOTS = 1 << 20  # keys for one millisecond
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = frozenset({"execution.queued", "execution.finished"})
_TEXTS = ("prompt", "result", "error")

_columns = Execution.__table__.c
_searched: Table = Searched.__table__  # type: ignore[assignment]
_INDEX = FullText(_searched)
_TO_INDEX = select(
    *(_columns[name] for name in ("id", "created_at", "status", *MARKED)),
    *(func.substr(_columns[name], 1, words.FIELD_BYTES_MAX).label(name) for name in _TEXTS),
)
_KNOWN = select(Searched.execution_id, Searched.key)
_LAST_KEY = select(func.max(Searched.key)).where(Searched.key >= bindparam("first"), Searched.key < bindparam("behind"))
_KEY_OF = select(Searched.key).where(Searched.execution_id == bindparam("run_id"))
_ADD = insert(Searched)
_CHANGE = update(_searched).where(_searched.c.key == bindparam("at_key")).values(words=bindparam("new_words"))


@bulk
def index_next(tx: Tx) -> bool:
    """Index what the next events speak of; True if there may be more."""
    seen = cursors.hold(tx, FOLLOWER)
    if seen is None:
        return False
    entries = events.subjects_after(tx, seen, EVENTS_AT_ONCE)
    if not entries:
        return False
    wanted, done = _spoken_of(entries, seen)
    found = {row.id: row for row in tx.execute(_TO_INDEX.where(Execution.id.in_(list(wanted))))}
    rows: list[Row[Any]] = []
    size = 0
    for execution_id, before in wanted.items():
        row = found.get(execution_id)
        if row is None:
            continue  # retention has taken it
        size += sum(len(getattr(row, name) or "") for name in _TEXTS)
        if rows and size > BYTES_AT_ONCE:
            done = before
            break
        rows.append(row)
    _store(tx, rows)
    cursors.move(tx, FOLLOWER, done)
    return done < entries[-1].id or len(entries) == EVENTS_AT_ONCE


def newest(
    tx: Tx, phrases: Sequence[Phrase], marks: Mapping[str, str], *, below: int, at_least: int, limit: int
) -> list[int]:
    """Keys of executions that have all phrases, the newest first, from [at_least, below).

    `marks`: values of MARKED columns or `status`, as they were when the execution was indexed.
    """
    asked = [*phrases, *(Phrase((each,)) for each in _marks(marks))]
    return _INDEX.newest(tx, asked, below=below, at_least=at_least, limit=limit)


def having(tx: Tx, phrases: Sequence[Phrase], keys: Sequence[int]) -> list[int]:
    """Those of `keys` whose executions have all phrases, the newest first."""
    return _INDEX.having(tx, phrases, keys) if keys else []


def marks_of(known: Mapping[str, Any]) -> list[str]:
    """What is said of an execution beside its words, by the columns that MARKED names, and its status."""
    return list(_marks({name: known[name] for name in (*MARKED, "status") if known[name] is not None}))


def key_at(moment: datetime) -> int:
    """The least key of what was created in the millisecond of `moment`."""
    return _within((moment - _EPOCH) // timedelta(milliseconds=1) * _SLOTS)


def key_behind(moment: datetime) -> int:
    """A key that is greater than those of the millisecond of `moment`, and not than those of the next."""
    return _within(key_at(moment) + _SLOTS)


def key_of(tx: Tx, execution_id: str) -> int | None:
    """The key of an execution, None while it is not indexed."""
    found: int | None = tx.execute(_KEY_OF, {"run_id": execution_id}).scalar_one_or_none()
    return found


def _within(key: int) -> int:
    """A key of 64 bits: before 1692 and after 2248, when nothing is created, there is one key for all."""
    return max(KEY_MIN, min(key, KEY_MAX))


def _spoken_of(entries: Sequence[Row[Any]], seen: int) -> tuple[dict[str, int], int]:
    """The executions to index, each with the event before the first that speaks of it; and the last event looked at."""
    wanted: dict[str, int] = {}
    for entry in entries:
        if entry.kind in _KINDS and entry.execution_id is not None and entry.execution_id not in wanted:
            if len(wanted) == EXECUTIONS_AT_ONCE:
                break
            wanted[entry.execution_id] = seen
        seen = entry.id
    return wanted, seen


def _store(tx: Tx, rows: Collection[Row[Any]]) -> None:
    if not rows:
        return
    known = dict(tx.execute(_KNOWN.where(Searched.execution_id.in_([row.id for row in rows]))).tuples().all())
    written = {row.id: words.document([getattr(row, name) for name in _TEXTS], marks_of(row._asdict())) for row in rows}
    changes = [{"at_key": known[each], "new_words": text} for each, text in written.items() if each in known]
    if changes:
        tx.execute(_CHANGE, changes)
    fresh = [row for row in rows if row.id not in known]
    keys = _free_keys(tx, fresh)
    if fresh:
        tx.execute(
            _ADD,
            [
                {"key": key, "execution_id": row.id, "words": written[row.id]}
                for key, row in zip(keys, fresh, strict=True)
            ],
        )
    _INDEX.tidy(tx)


def _free_keys(tx: Tx, rows: Sequence[Row[Any]]) -> list[int]:
    last: dict[int, int] = {}  # by millisecond
    keys = []
    for row in rows:
        first = key_at(row.created_at)
        while True:
            if first not in last:
                found = tx.execute(_LAST_KEY, {"first": first, "behind": first + _SLOTS}).scalar_one()
                last[first] = first - 1 if found is None else found
            if last[first] < first + _SLOTS - 1:
                break
            first += _SLOTS  # a million in one millisecond can only be imported: they go on in the next
        last[first] += 1
        keys.append(last[first])
    return keys


def _marks(known: Mapping[str, str]) -> Iterator[str]:
    """One word for each value. What has not ended changes its status without a word to the index: it is just open."""
    for name, value in known.items():
        said = OPEN if name == "status" and value in states.OPEN else value
        yield _mark(name, said)


@lru_cache(maxsize=1_000)  # most executions are somebody's of few
def _mark(name: str, said: str) -> str:
    return MARK + hashlib.blake2s(f"{name} {said}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
