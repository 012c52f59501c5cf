"""Where do a million executions and a log of a million lines come from? `python -m benchmarks.seed URL`

They are written past the program, by the driver alone, in minutes instead of hours: rows as a year of use would leave
them, their words in the index, and one log in chunks. What the program would have written is the same: the first rows'
words are compared. Nothing is drawn from the clock, so the same seed makes the same rows on both databases.

Some words are there on purpose: `RARE` in a few executions, `EARLY` in every second of the oldest third and in none
since, `PAIR` never together.
"""

import argparse
import itertools
import json
import random
import sqlite3
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import measure
from conselho.db import engine, fulltext, migrate, spans
from conselho.executions import logs, search, words

EXECUTIONS = 1_000_000
LINES = 1_000_000
OPEN = 204  # the newest: queued, and four that run
SPAN = timedelta(days=365)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROWS_AT_ONCE = 5_000
LOG_ID = "019a1000-0000-7000-8000-000000000001"  # of the execution with the long log; older than all others
LOG_STARTED = NOW - SPAN - timedelta(days=1)

RARE = "quetzalcoatl"  # one execution in 20,000
EARLY = "monolito"
PAIR = ("amanhecer", "entardecer")  # each in a sixth of all, never in the same

_COMMON = (
    *(
        "the",
        "a",
        "of",
        "to",
        "and",
        "in",
        "for",
        "with",
        "on",
        "is",
        "that",
        "from",
        "build",
        "test",
        "deploy",
        "error",
    ),
    *("file", "run", "module", "please", "check", "fix", "review", "code", "update", "service", "failed", "passed"),
    *(
        "o",
        "de",
        "que",
        "e",
        "do",
        "da",
        "em",
        "um",
        "para",
        "com",
        "não",
        "uma",
        "os",
        "no",
        "se",
        "na",
        "por",
        "mais",
    ),
    *("erro", "teste", "arquivo", "execução", "revisão", "código", "correção", "relatório", "falha", "serviço"),
)
_PLAIN = {
    "provider": "command", "cwd": "/srv/repo", "accepted_exit_codes": "[0]", "exclusive": False, "retry_on_loss": False,
    "attempt": 1, "rank": 0,
}  # fmt: skip
_AGENTS = [f"agent-{number}" for number in range(40)]
_AGENTS_RISING = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(_AGENTS))))
_SEARCHED = ("key", "execution_id", "words")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text and its words, cut once for all the executions that have it."""

    text: str
    words: str


class Story:
    """The rows, in the order of their creation."""

    def __init__(self, executions: int) -> None:
        self._draw = random.Random(measure.SEED)
        self._executions = executions
        vocabulary = [*_COMMON, *(self._invented() for _ in range(20_000))]
        self._rising = list(itertools.accumulate(1 / (rank + 8) for rank in range(len(vocabulary))))
        self._sentences = [self._sentence(vocabulary) for _ in range(8_000)]
        self._agents = [(name, str(uuid.UUID(int=self._draw.getrandbits(128), version=4))) for name in _AGENTS]
        self._councilors = [str(uuid.UUID(int=self._draw.getrandbits(128), version=4)) for _ in range(60)]
        self._cards = [str(uuid.UUID(int=self._draw.getrandbits(128), version=4)) for _ in range(2_000)]

    def rows(self) -> Iterator[tuple[dict[str, Any], tuple[int, str, str]]]:
        """Executions, each with its row of the index."""
        step = SPAN / self._executions
        for number in range(self._executions):
            yield self._row(number, NOW - SPAN + step * number)

    def _row(self, number: int, created_at: datetime) -> tuple[dict[str, Any], tuple[int, str, str]]:
        draw = self._draw
        status, severity = self._outcome(number)
        failed = severity == "error"
        ended = status not in {"queued", "running"}
        prompt = self._told(number)
        result = self._told(None) if ended else None
        error = self._told(None) if failed else None
        agent = draw.choices(self._agents, cum_weights=_AGENTS_RISING)[0] if draw.random() < 0.9 else None
        origin = draw.choices(("schedule", "card", "api", "cli", "retry"), (70, 10, 12, 7, 1))[0]
        seconds = round(draw.lognormvariate(3, 1.2), 3)
        row = _PLAIN | {
            "id": _id_at(created_at, number, draw),
            "status": status,
            "origin": origin,
            "title": f"Run {number}",
            "agent": agent and agent[0],
            "agent_id": agent and agent[1],
            "argv": json.dumps(["agent", "--task", str(number)]),
            "prompt": prompt.text,
            "councilor_id": draw.choice(self._councilors) if origin == "schedule" else None,
            "card_id": draw.choice(self._cards) if origin == "card" else None,
            "created_at": written(created_at),
            "started_at": written(created_at + timedelta(seconds=1)) if status != "queued" else None,
            "completed_at": written(created_at + timedelta(seconds=1 + seconds)) if ended else None,
            "duration_seconds": seconds if ended else None,
            "lease_until": written(NOW + timedelta(days=36_500)) if status == "running" else None,
            "severity": severity,
            "summary": None if result is None else result.text[:80],
            "findings": json.dumps([{"title": "one", "severity": "warning"}]) if severity == "warning" else None,
            "evidence": json.dumps({"source": "exit", "text": "exit code 0"}) if ended else None,
            "result": None if result is None else result.text,
            "error": None if error is None else error.text,
            "exit_code": (1 if failed else 0) if ended else None,
            "fence": 0 if status == "queued" else 1,
            "log_lines": 40 if ended else 0,
            "log_bytes": 3_000 if ended else 0,
        }
        known = [f"{each.words} {fulltext.MARK}" for each in (prompt, result, error) if each is not None]
        marks = search.marks_of(row)
        key = search.key_at(created_at) + number % 1_000  # two in one millisecond differ
        return row, (key, str(row["id"]), " ".join([*known, *marks]))

    def _outcome(self, number: int) -> tuple[str, str | None]:
        if number >= self._executions - OPEN:
            return ("running" if number < self._executions - OPEN + 4 else "queued"), None
        return self._draw.choices(
            (
                ("succeeded", "success"),
                ("succeeded", "warning"),
                ("failed", "error"),
                ("timed_out", "error"),
                ("cancelled", "warning"),
                ("lost", "error"),
            ),
            (80, 9, 7.7, 1, 2, 0.3),
        )[0]

    def _told(self, number: int | None) -> Sentence:
        """Some sentences, mostly few; a prompt (`number` is its execution's) also has words of its own."""
        count = min(60, 1 + int(self._draw.lognormvariate(1.2, 0.8)))
        told = self._draw.choices(self._sentences, k=count)
        if number is not None:
            own = [f"TASK-{number}"]
            own += [RARE] if number % 20_000 == 77 else []
            own += [EARLY] if number < self._executions // 3 and number % 2 else []
            own += [PAIR[number % 2]] if number % 6 < 2 else []
            text = " ".join(own)
            told.append(Sentence(text, " ".join(words.words_of(text))))
        return Sentence(" ".join(each.text for each in told), " ".join(each.words for each in told))

    def _sentence(self, vocabulary: Sequence[str]) -> Sentence:
        text = (
            " ".join(self._draw.choices(vocabulary, cum_weights=self._rising, k=self._draw.randint(6, 18))).capitalize()
            + "."
        )
        return Sentence(text, " ".join(words.words_of(text)))

    def _invented(self) -> str:
        letters = self._draw.choices(("ba", "co", "de", "fi", "lu", "ma", "ne", "po", "ra", "si", "ta", "vo"), k=4)
        return "".join(letters[: self._draw.randint(2, 4)]) + self._draw.choice(("", "s", "_test", "-util", ".py"))


def fill(url: str, executions: int = EXECUTIONS, lines: int = LINES) -> None:
    """Migrate the empty database at `url` and write everything."""
    migrate.upgrade(url)
    address = engine.database_address(url)
    story = Story(executions)
    if address.get_backend_name() == "sqlite":
        _fill_sqlite(str(address.database), story, lines)
    else:
        _fill_postgres(address.set(drivername="postgresql").render_as_string(hide_password=False), story, lines)


def _fill_sqlite(path: str, story: Story, lines: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    for batch in _batches(story):
        connection.execute("BEGIN IMMEDIATE")
        for table, columns, rows in batch:
            _insert(connection, table, columns, rows)
        # As many pages as the step would have merged, a hundred for each fifty executions.
        connection.execute(
            "INSERT INTO execution_search_fulltext(execution_search_fulltext, rank) VALUES ('merge', ?)",
            (ROWS_AT_ONCE // search.EXECUTIONS_AT_ONCE * fulltext.MERGED_PAGES,),
        )
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    for table, columns, rows in _long_log(lines):
        _insert(connection, table, columns, rows)
    connection.execute("COMMIT")
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - ours


def _fill_postgres(url: str, story: Story, lines: int) -> None:
    as_stored = fulltext.Words().process_bind_param
    dialect = engine.open_engine(url).dialect
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX execution_search_fulltext")
        for batch in _batches(story):
            for table, columns, rows in batch:
                stored = (
                    [(key, run, as_stored(text, dialect)) for key, run, text in rows] if columns == _SEARCHED else rows
                )
                _copy(connection, table, columns, stored)
        for table, columns, rows in _long_log(lines):
            _copy(connection, table, columns, rows)
        connection.execute("SET maintenance_work_mem = '1GB'")
        made = spans.CREATE_INDEX.format(index="execution_search_fulltext", table="execution_search")
        connection.execute(made.encode())
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _copy(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


Batch = list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]


def _batches(story: Story) -> Iterator[Batch]:
    """Rows by table, some thousand executions at once, told as they go."""
    pairs: list[tuple[dict[str, Any], tuple[int, str, str]]] = []
    written = 0
    for pair in story.rows():
        if written == 0 and len(pairs) < 1_000:
            _compare(*pair)
        pairs.append(pair)
        if len(pairs) == ROWS_AT_ONCE:
            yield _as_batch(pairs)
            written += len(pairs)
            pairs = []
            if written % 100_000 == 0:
                print(f"{written:,} executions", file=sys.stderr, flush=True)
    if pairs:
        yield _as_batch(pairs)


def _compare(row: dict[str, Any], searched: tuple[int, str, str]) -> None:
    """Whether the program would have written the same words."""
    fields = [row["prompt"], row["result"], row["error"]]
    assert words.document(fields, list(search.marks_of(row))) == searched[2]


def _as_batch(pairs: Sequence[tuple[dict[str, Any], tuple[int, str, str]]]) -> Batch:
    columns = tuple(pairs[0][0])
    heads = [(row["id"], 1, row["log_lines"], row["log_bytes"]) for row, _ in pairs if row["fence"]]
    return [
        ("executions", columns, [tuple(row.values()) for row, _ in pairs]),
        ("log_heads", ("execution_id", "fence", "last_seq", "bytes"), heads),
        ("execution_search", _SEARCHED, [searched for _, searched in pairs]),
    ]


def _long_log(lines: int) -> Batch:
    """One execution, the oldest of all, and its log."""
    draw = random.Random(measure.SEED)
    some = [" ".join(draw.choices(_COMMON, k=draw.randint(8, 24))) for _ in range(5_000)]
    chunks = []
    size = 0
    for first in range(1, lines + 1, 100):
        at = LOG_STARTED + timedelta(milliseconds=10 * first)
        count = min(100, lines - first + 1)
        told = [logs.Line(at, "stdout", f"{first + number:07d} {draw.choice(some)}") for number in range(count)]
        chunk = logs.pack(LOG_ID, 1, first, told)
        size += chunk.raw_bytes
        at_text = written(at)
        chunks.append((LOG_ID, first, chunk.line_count, at_text, at_text, logs.CODEC, chunk.data))
    row = _PLAIN | {
        "id": LOG_ID,
        "status": "succeeded",
        "severity": "success",
        "origin": "cli",
        "created_at": written(LOG_STARTED),
        "fence": 1,
        "log_lines": lines,
        "log_bytes": size,
    }
    named = ("execution_id", "first_seq", "line_count", "first_at", "last_at", "codec", "data")
    return [
        ("executions", tuple(row), [tuple(row.values())]),
        ("log_heads", ("execution_id", "fence", "last_seq", "bytes"), [(LOG_ID, 1, lines, size)]),
        ("log_chunks", named, chunks),
    ]


def _id_at(moment: datetime, number: int, draw: random.Random) -> str:
    milliseconds = int(moment.timestamp() * 1_000)
    value = (milliseconds << 80) | (0x7 << 76) | ((number & 0xFFF) << 64) | (0b10 << 62) | draw.getrandbits(62)
    return str(uuid.UUID(int=value))


def written(moment: datetime) -> str:
    """A moment as both databases read it, and SQLite keeps it."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def main() -> None:
    """Fill the database at a URL."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed", description=__doc__)
    parser.add_argument("url", help="sqlite:///path of a file that is not there yet, or postgresql://… of an empty one")
    parser.add_argument("--executions", type=int, default=EXECUTIONS)
    parser.add_argument("--lines", type=int, default=LINES)
    wishes = parser.parse_args()
    fill(wishes.url, wishes.executions, wishes.lines)


if __name__ == "__main__":
    main()
