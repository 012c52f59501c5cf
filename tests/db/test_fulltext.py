"""The index, the latest rows looked through one by one, and plain Python find the same, on both databases."""

import random
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Table, delete, insert, text, update

from conselho.db.fulltext import MARK, FullText, Phrase
from conselho.db.session import Database, Tx
from conselho.executions.models import Searched
from tests.executions.making import make_queued

VOCABULARY = ["ab", "abc", "abd", "b", "ba", "bab", "ção", "東京", "x1", "x12"]
ROWS = 60
TABLE: Table = Searched.__table__  # type: ignore[assignment]


@pytest.fixture
def databases(sqlite_database_url: str, postgres_database_url: str) -> Iterator[list[Database]]:
    """One of each kind."""
    opened = [Database(sqlite_database_url), Database(postgres_database_url)]
    yield opened
    for each in opened:
        each.close()


def store(database: Database, documents: dict[int, str]) -> None:
    """Rows with those words, by key; they belong to executions that are made for them."""
    runs = [make_queued(database) for _ in documents]
    rows = [
        {"key": key, "execution_id": run, "words": words}
        for run, (key, words) in zip(runs, documents.items(), strict=True)
    ]

    def add(tx: Tx) -> None:
        tx.execute(insert(Searched), rows)

    database.submit(add).result()


def newest(
    database: Database,
    index: FullText,
    phrases: Sequence[Phrase],
    below: int = 10**9,
    at_least: int = 0,
    limit: int = 10,
) -> list[int]:
    return database.fetch(index.newest, phrases, below=below, at_least=at_least, limit=limit).result()


def has(words: list[str], phrase: Phrase) -> bool:
    count = len(phrase.words)
    for start in range(len(words) - count + 1):
        window = words[start : start + count]
        last = window[-1].startswith(phrase.words[-1]) if phrase.is_prefix else window[-1] == phrase.words[-1]
        if last and window[:-1] == list(phrase.words[:-1]):
            return True
    return False


def drawn_phrase(draw: random.Random) -> Phrase:
    words = tuple(draw.choices(VOCABULARY, k=draw.choice((1, 1, 1, 2, 3))))
    return Phrase(words, is_prefix=draw.random() < 0.3)


@pytest.mark.parametrize("latest_rows", [1, 7, ROWS * 2])
def test_both_databases_find_what_python_finds(databases: list[Database], latest_rows: int) -> None:
    draw = random.Random(latest_rows)
    documents = {
        number * 3: " ".join(draw.choices([*VOCABULARY, MARK], k=draw.randint(0, 12))) for number in range(ROWS)
    }
    for each in databases:
        store(each, documents)
    index = FullText(TABLE, latest_rows)
    for _ in range(120):
        phrases = [drawn_phrase(draw) for _ in range(draw.choice((1, 1, 2, 3)))]
        below, at_least, limit = (
            draw.randint(0, ROWS * 3),
            draw.choice((0, 0, draw.randint(0, ROWS))),
            draw.randint(1, 8),
        )
        expected = [
            key
            for key, words in sorted(documents.items(), reverse=True)
            if at_least <= key < below and all(has(words.split(), phrase) for phrase in phrases)
        ][:limit]
        for each in databases:
            assert newest(each, index, phrases, below, at_least, limit) == expected, (each.kind, phrases)


@pytest.mark.parametrize("step", [1 << 38, 1 << 44, 1 << 49, 1 << 53])
@pytest.mark.parametrize("span_rows", [1, 4, 2_000])
def test_no_row_is_missed_between_spans_of_any_length(databases: list[Database], span_rows: int, step: int) -> None:
    """Rows lie years apart or minutes, and a span is full with one row or with none."""
    draw = random.Random(step * span_rows)
    bursts = [number // draw.choice((1, 9)) for number in range(ROWS)]  # some come together
    keys = [-(1 << 61) + burst * step + number for number, burst in enumerate(sorted(bursts))]
    documents = {key: " ".join(draw.choices(VOCABULARY, k=6)) for key in keys}
    for each in databases:
        store(each, documents)
    index = FullText(TABLE, 7, span_rows)
    for _ in range(40):
        phrases = [drawn_phrase(draw) for _ in range(draw.choice((1, 2)))]
        below, at_least = draw.choice((1 << 62, keys[-1] + 1, draw.choice(keys))), draw.choice((-(1 << 63), keys[0]))
        limit = draw.choice((1, 8, ROWS))
        expected = [
            key
            for key, words in sorted(documents.items(), reverse=True)
            if at_least <= key < below and all(has(words.split(), phrase) for phrase in phrases)
        ][:limit]
        for each in databases:
            assert newest(each, index, phrases, below, at_least, limit) == expected, (each.kind, phrases)


def test_a_word_is_found_as_it_was_written_last(database: Database) -> None:
    store(database, {1: "old words", 2: "other words"})
    index = FullText(TABLE, 1)

    def change(tx: Tx) -> None:
        tx.execute(update(TABLE).where(TABLE.c.key == 1).values(words="new words"))
        index.tidy(tx)

    database.submit(change).result()
    assert newest(database, index, [Phrase(("old",))]) == []
    assert newest(database, index, [Phrase(("new",))]) == [1]
    assert newest(database, index, [Phrase(("words",))]) == [2, 1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_index_agrees_with_its_table_after_writes_of_every_kind(database: Database) -> None:
    draw = random.Random(1)
    index = FullText(TABLE)

    def check(tx: Tx) -> None:
        name = "execution_search_fulltext"
        tx.execute(text(f"INSERT INTO {name}({name}, rank) VALUES ('integrity-check', 1)"))  # noqa: S608 - our own

    for batch in range(20):
        store(database, {batch * 10 + number: " ".join(draw.choices(VOCABULARY, k=20)) for number in range(5)})

        def change(tx: Tx, first: int = batch * 10) -> None:
            tx.execute(update(TABLE).where(TABLE.c.key == first).values(words="b b b"))
            tx.execute(delete(TABLE).where(TABLE.c.key == first + 1))
            index.tidy(tx)

        database.submit(change).result()
    database.submit(check).result()
    assert newest(database, index, [Phrase(("b", "b", "b"))], limit=3)[:1] == [190]


@pytest.mark.parametrize("words", ["", MARK, " ".join(["ab"] * 255), "x" * 64, "東" * 64, "a " * 15_000])
def test_words_at_their_limits_are_stored(database: Database, words: str) -> None:
    store(database, {1: words})
    asked = Phrase((words.split(maxsplit=1)[0],)) if words.split() and words != MARK else None
    if asked is not None:
        assert newest(database, FullText(TABLE, 1), [asked]) == [1]
