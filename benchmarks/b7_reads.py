"""B7: what does a page cost with a million executions, and the end of a log with a million lines?

Like is compared with like, on the same database in the same minute:

- rows: what a caller in the process gets of `Database` - the wait for a reading thread, filters checked, the rows typed
  - against the bare query: one statement written by hand for that database, by its driver, on a connection that is open
  already, in this thread, the rows fetched and thrown away.
- JSON: what the HTTP door sends, with what queued runs wait for and the event it is true as of, against the bare query
  for the same fields, each row a dictionary of them, by the same encoder.
- over HTTP: the same asked of a server in a process of its own, by its Unix socket; against nothing.

Each round draws a place or a word of its own, the same for all contenders. The databases are made by `seed.py` on the
first run, which takes some minutes, and kept below .bench. CONSELHO_TEST_POSTGRES_URL names another PostgreSQL.
"""

import argparse
import itertools
import json
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import zstandard

from benchmarks import measure, seed, seeded
from benchmarks.report import Report
from conselho import errors
from conselho.db import engine
from conselho.db.session import Database, brief, loose
from conselho.executions import answers, log_pages, logs, queries, shown
from conselho.executions.log_pages import Wish
from conselho.executions.queries import Filter
from conselho.settings import Settings

LIMIT = 50
LOG_LIMIT = 200
ROUNDS = 1_000  # of which ten are above p99
QUICK = 20_000  # executions, and lines, of a quick run
SECONDS_MAX = 30  # for one question
EACH_SECONDS_MAX = 8  # for one contender of it: who is slow is asked less often
PLACES = 300
SILENT_SECONDS_MAX = 2.0  # of a connection that a server keeps

_ALL = "e.*, h.last_seq, h.bytes"
_STORED_AS = {"priority": "rank", "unreachable": "unreachable_since"}
_SENT = ", ".join(f"e.{_STORED_AS.get(name, name)}" for name in shown.FIELDS) + ", h.last_seq, h.bytes"
_FROM = "FROM executions e LEFT JOIN log_heads h ON h.execution_id = e.id"
_ORDER = "ORDER BY e.created_at DESC, e.id DESC LIMIT 51"
_PAGE = f"SELECT {_ALL} {_FROM} {{where}} {_ORDER}"
# Made of the constants above; what is looked for is bound.
_FOUND = {
    "sqlite": f"SELECT {_ALL} FROM execution_search_fulltext f JOIN execution_search s ON s.key = f.rowid"  # noqa: S608
    " JOIN executions e ON e.id = s.execution_id LEFT JOIN log_heads h ON h.execution_id = e.id"
    " WHERE execution_search_fulltext MATCH ? ORDER BY f.rowid DESC LIMIT 51",
    "postgresql": f"SELECT {_ALL} FROM execution_search s JOIN executions e ON e.id = s.execution_id"  # noqa: S608
    " LEFT JOIN log_heads h ON h.execution_id = e.id WHERE s.words @@ ?::tsquery ORDER BY s.key DESC LIMIT 51",
}
_LINES = (
    "SELECT first_seq, line_count, first_at, data FROM log_chunks WHERE execution_id = ? AND first_seq > ?"
    " ORDER BY first_seq LIMIT 3"
)
# Words to look for, as people ask for them, as FTS5 does and as PostgreSQL does.
_WORDS: dict[str, list[tuple[str, str, str]]] = {
    "a frequent word": [
        (word, f'"{word}"', f"'{word}'") for word in ("error", "deploy", "erro", "teste", "service", "failed", "please")
    ],
    "two frequent words": [
        (f"{a} {b}", f'"{a}" "{b}"', f"'{a}' & '{b}'")
        for a, b in (("error", "deploy"), ("teste", "falha"), ("build", "failed"), ("review", "code"))
    ],
    "a rare word": [(seed.RARE, f'"{seed.RARE}"', f"'{seed.RARE}'")],
    "one execution": [(f"TASK-{n}", f'"task {n}"', f"'task' <-> '{n}'") for n in (1, 4_321, 9_999, 19_000)],
    "a phrase": [
        (f'"{a} {b}"', f'"{a} {b}"', f"'{a}' <-> '{b}'")
        for a, b in (("the", "build"), ("do", "teste"), ("is", "error"))
    ],
    "a rare beginning": [(f"{seed.RARE[:6]}*", f'"{seed.RARE[:6]}" *', f"'{seed.RARE[:6]}':*")],
    "a frequent beginning": [(f"{a}*", f'"{a}" *', f"'{a}':*") for a in ("depl", "err", "relat")],
    "a word that is long out of use": [(seed.EARLY, f'"{seed.EARLY}"', f"'{seed.EARLY}'")],
    "two words never together": [
        (
            " ".join(seed.PAIR),
            " ".join(f'"{each}"' for each in seed.PAIR),
            " & ".join(f"'{each}'" for each in seed.PAIR),
        )
    ],
}
# What bounds a goal that is missed, and what could be done.
_MISSED = {
    "rows": (
        "The quickest bare queries take less than the hand-over to a thread that may wake on another core.",
        "On a machine without others. A read in the caller's thread would stop the event loop.",
    ),
    "JSON": (
        "The hand-over to a thread that may wake on another core, and back.",
        "On a machine without others.",
    ),
    "sqlite": (
        "FTS5 walks the lists of all words of a phrase, or merges those of all that begin so, as the bare query does.",
        "Pairs of neighbouring words as on PostgreSQL, which make the index dearer to write; an index of beginnings.",
    ),
    "postgresql": (
        "A word that is long out of use takes some twenty statements, one for each span of time that is looked into.",
        "On a machine without others; the walk as one statement.",
    ),
}
_VIEW = loose(brief(lambda *_: True)(logs.view))  # as log_pages.page is
_NAMES = (*shown.FIELDS, "last_seq", "bytes")
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask, in each contender's words. Each takes the number of the round."""

    name: str
    rows: Callable[[int], Callable[[], object]]
    body: Callable[[int], Callable[[], object]]
    path: Callable[[int], str]
    bare: Callable[[int], tuple[str, tuple[Any, ...]]]


class Asker:
    """Asks one database in three ways."""

    def __init__(self, url: str, place: Path) -> None:
        self.refused = 0  # answers that took longer than a read may
        self._database = Database(url)
        self.kind = self._database.kind
        address = engine.database_address(url)
        self._driver: Any
        if self.kind == "sqlite":
            self._driver = sqlite3.connect(f"file:{address.database}?mode=ro", uri=True, isolation_level=None)
        else:
            dsn = address.set(drivername="postgresql").render_as_string(hide_password=False)
            self._driver = psycopg.connect(dsn, autocommit=True)
        self._http = seeded.UnixConnection(Settings(data_dir=place).socket_path)
        self._http_until = 0.0

    def close(self) -> None:
        self._database.close()
        self._driver.close()
        self._http.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """What the driver returns."""
        if self.kind == "postgresql":
            statement = statement.replace("%", "%%").replace("?", "%s")
        found: list[Row] = self._driver.execute(statement, values).fetchall()
        return [_lines_of(row) for row in found] if "log_chunks" in statement else found

    def dumped(self, statement: str, values: Sequence[Any] = ()) -> bytes:
        """The same fields that we send, as JSON."""
        found = self.rows(statement.replace(_ALL, _SENT), values)
        if "log_chunks" in statement:
            shape = [
                {"seq": seq, "at": first_at, "kind": kind, "text": text}
                for seq, first_at, (_, _, kind), texts in found
                for seq, text in enumerate(texts, seq)
            ]
            return orjson.dumps(shape, option=orjson.OPT_UTC_Z)
        return orjson.dumps([dict(zip(_NAMES, row, strict=True)) for row in found], option=orjson.OPT_UTC_Z)

    def over_http(self, path: str) -> bytes:
        """What the server answers."""
        if time.monotonic() > self._http_until:
            self._http.close()  # the server has hung up on who was silent; the next request connects again
        self._http.request("GET", path)
        answer = self._http.getresponse()
        self._http_until = time.monotonic() + SILENT_SECONDS_MAX
        body = answer.read()
        assert answer.status in {200, 503}, body
        self.refused += answer.status == 503
        return body

    def read(self, query: Callable[..., object], *values: object) -> object:
        """What one of our functions returns."""
        try:
            return self._database.fetch(query, *values).result()
        except errors.Unavailable:
            self.refused += 1  # its five seconds were over: they count as what it took
            return None

    def timed(self, question: Question, rounds: int) -> dict[str, list[float]]:
        """Seconds of each contender, by name."""
        turns: dict[str, Iterator[int]] = defaultdict(itertools.count)

        def once(name: str, ask: Callable[[int], Callable[[], object]]) -> Callable[[], float]:
            return lambda: _seconds(ask(next(turns[name])))

        asked: dict[str, Callable[[int], Callable[[], object]]] = {
            "rows": question.rows,
            "JSON": question.body,
            "HTTP": lambda number: partial(self.over_http, question.path(number)),
            "bare": lambda number: partial(self.rows, *question.bare(number)),
            "bare JSON": lambda number: partial(self.dumped, *question.bare(number)),
        }
        contenders = {name: once(name, ask) for name, ask in asked.items()}
        return measure.interleaved(contenders, rounds, seconds_max=SECONDS_MAX, each_seconds_max=EACH_SECONDS_MAX)

    def questions(self) -> Iterator[Question]:
        """All of them."""
        draw = random.Random(measure.SEED)
        places = self._places(draw)
        yield self._page("the first page", [({}, None)])
        yield self._page("a deep page", [({}, place) for place in places])
        agents = [row[0] for row in self.rows("SELECT DISTINCT agent FROM executions WHERE agent IS NOT NULL")]
        yield self._page("of an agent, deep", [({"agent": draw.choice(agents)}, place) for place in places])
        yield self._page("of a status, deep", [({"status": "failed"}, place) for place in places])
        yield self._page("until a moment", [({"until": place[0]}, None) for place in places])
        for name, asked in _WORDS.items():
            yield self._search(f"search: {name}", asked)
        yield self._one([place[1] for place in places])
        lines = self.rows("SELECT last_seq FROM log_heads WHERE execution_id = ?", (seed.LOG_ID,))[0][0]
        yield self._log("the end of the log", [lines - LOG_LIMIT])
        yield self._log("somewhere in the log", [draw.randrange(lines - LOG_LIMIT) for _ in range(PLACES)])

    def _places(self, draw: random.Random) -> list[tuple[Any, str]]:
        """Moments and ids of executions everywhere in the table."""
        found = []
        for _ in range(PLACES):
            moment = seed.NOW - seed.SPAN * draw.random()
            value = seed.written(moment) if self.kind == "sqlite" else moment
            row = self.rows(
                "SELECT id FROM executions WHERE created_at <= ? ORDER BY created_at DESC LIMIT 1", (value,)
            )
            found.append((moment, row[0][0]))
        return found

    def _page(self, name: str, asked: list[tuple[dict[str, Any], tuple[Any, str] | None]]) -> Question:
        def which(number: int) -> tuple[Filter, str | None]:
            wanted, place = asked[number % len(asked)]
            return Filter(**wanted), None if place is None else queries.cursor_at(*place)

        def path(number: int) -> str:
            wanted, place = asked[number % len(asked)]
            said = {key: value if isinstance(value, str) else value.isoformat() for key, value in wanted.items()}
            if place is not None:
                said["after"] = queries.cursor_at(*place)
            return "/api/v1/executions?" + "&".join(f"{key}={quote(value)}" for key, value in said.items())

        def bare(number: int) -> tuple[str, tuple[Any, ...]]:
            wanted, place = asked[number % len(asked)]
            conditions, values = [], []
            for key, value in wanted.items():
                conditions.append("e.created_at < ?" if key == "until" else f"e.{key} = ?")
                values.append(self._bound(value))
            if place is not None:
                conditions.append("(e.created_at, e.id) < (?, ?)")
                values += [self._bound(place[0]), place[1]]
            where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
            return _PAGE.format(where=where), tuple(values)

        def ask(page: Callable[..., object], number: int) -> Callable[[], object]:
            wanted, after = which(number)
            return lambda: self.read(page, wanted, LIMIT, after)

        return Question(name, partial(ask, queries.page), partial(ask, answers.page), path, bare)

    def _search(self, name: str, asked: list[tuple[str, str, str]]) -> Question:
        def ask(page: Callable[..., object], number: int) -> Callable[[], object]:
            wanted = Filter(q=asked[number % len(asked)][0])
            return lambda: self.read(page, wanted, LIMIT, None)

        def bare(number: int) -> tuple[str, tuple[Any, ...]]:
            return _FOUND[self.kind], (asked[number % len(asked)][1 if self.kind == "sqlite" else 2],)

        def path(number: int) -> str:
            return f"/api/v1/executions?q={quote(asked[number % len(asked)][0])}"

        return Question(name, partial(ask, queries.page), partial(ask, answers.page), path, bare)

    def _one(self, ids: list[str]) -> Question:
        def ask(one: Callable[..., object], number: int) -> Callable[[], object]:
            return lambda: self.read(one, ids[number % len(ids)])

        def bare(number: int) -> tuple[str, tuple[Any, ...]]:
            return f"SELECT {_ALL} {_FROM} WHERE e.id = ?", (ids[number % len(ids)],)

        def path(number: int) -> str:
            return f"/api/v1/executions/{ids[number % len(ids)]}"

        return Question("one execution by its id", partial(ask, queries.one), partial(ask, answers.one), path, bare)

    def _log(self, name: str, afters: list[int]) -> Question:
        """The bare query decompresses and parts the chunks it fetched: without that it would know no line of them.

        As rows both have the texts of lines that are alike together; as JSON each line is one.
        """

        def after(number: int) -> int:
            return afters[number % len(afters)]

        def rows(number: int) -> Callable[[], object]:
            return lambda: self.read(_VIEW, seed.LOG_ID, after(number), LOG_LIMIT)

        def body(number: int) -> Callable[[], object]:
            wish = Wish(after=after(number), limit=LOG_LIMIT)
            return lambda: self.read(log_pages.page, seed.LOG_ID, wish)

        def path(number: int) -> str:
            return f"/api/v1/executions/{seed.LOG_ID}/log?limit={LOG_LIMIT}&after={after(number)}"

        def bare(number: int) -> tuple[str, tuple[Any, ...]]:
            return _LINES, (seed.LOG_ID, after(number) - 99)

        return Question(name, rows, body, path, bare)

    def _bound(self, value: Any) -> Any:
        return seed.written(value) if self.kind == "sqlite" and not isinstance(value, str) else value


def main() -> None:
    """Measure on both databases, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    count = QUICK if quick else seed.EXECUTIONS
    report = Report("b7", f"pages of {count:,} executions and of a log of {count:,} lines", quick=quick)
    for url, place in seeded.databases(count):
        with seeded.served(url, place):
            asker = Asker(url, place)
            with closing(asker):
                measure_one(report, asker, rounds=20 if quick else ROUNDS)
    report.note(f"pages of {LIMIT} executions and {LOG_LIMIT} lines; p50 / p99 in milliseconds, and ratios of these")
    report.save()


def measure_one(report: Report, asker: Asker, rounds: int) -> None:
    """One database's rows of the table, and its goals."""
    found: dict[str, dict[str, float]] = {}
    for question in asker.questions():
        times = asker.timed(question, rounds)
        p99 = found[question.name] = {name: measure.percentile(each, 99) * 1e3 for name, each in times.items()}
        p50 = {name: measure.median(each) * 1e3 for name, each in times.items()}
        report.row(
            database=asker.kind,
            what=question.name,
            rows=_pair(p50["rows"], p99["rows"]),
            bare=_pair(p50["bare"], p99["bare"]),
            ratio=_pair(p50["rows"] / p50["bare"], p99["rows"] / p99["bare"]),
            JSON=_pair(p50["JSON"], p99["JSON"]),
            bare_JSON=_pair(p50["bare JSON"], p99["bare JSON"]),
            ratio_JSON=_pair(p50["JSON"] / p50["bare JSON"], p99["JSON"] / p99["bare JSON"]),
            over_HTTP=_pair(p50["HTTP"], p99["HTTP"]),
        )
        print(f"{asker.kind} {report.figures[-1]}", flush=True)
    report.note(f"{asker.kind}: {asker.refused} reads were refused because their five seconds were over")
    for words, ours_name, bare_name in (("rows", "rows", "bare"), ("JSON", "JSON", "bare JSON")):
        ratios = {name: p99[ours_name] / p99[bare_name] for name, p99 in found.items()}
        worst = max(ratios, key=lambda name: ratios[name])
        met = sum(ratio <= 3 for ratio in ratios.values())
        told = f"{asker.kind}: p99 of {words} against bare, the worst of {len(ratios)} ({worst}; {met} meet it)"
        report.goal(told, ratios[worst], at_most=3, missed=_MISSED[words])
    slowest = max(found, key=lambda name: found[name]["HTTP"])
    told = f"{asker.kind}: p99 over HTTP, the slowest ({slowest}), ms"
    report.goal(told, found[slowest]["HTTP"], at_most=100, missed=_MISSED[asker.kind])


def _lines_of(row: Row) -> Row:
    """A chunk's first number, its moment, its run of one kind, and its texts."""
    first_seq, _, first_at, data = row
    head, *texts = zstandard.decompress(data).decode().split("\n")
    return first_seq, first_at, json.loads(head)["runs"][0], texts


def _pair(p50: float, p99: float) -> str:
    return f"{p50:.3g} / {p99:.3g}"


def _seconds(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
