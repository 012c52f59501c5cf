"""What is found by its words, when, and that a crash leaves nothing unfound."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from conselho import errors
from conselho.db.session import Database, Tx
from conselho.executions import queries, search, words
from conselho.executions.models import Execution, Searched
from conselho.executions.queries import Filter
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions import dying_indexer
from tests.executions.making import (
    cancel,
    finish,
    make_claimed,
    make_ended,
    make_outcome,
    make_queued,
    make_running,
    status,
    wait_while_served,
)


def index(database: Database) -> None:
    while database.submit(search.index_next).result():
        pass


def found(database: Database, q: str, limit: int = 200, **which: object) -> list[str]:
    page = database.fetch(queries.page, Filter(q=q, **which), limit).result()  # type: ignore[arg-type]
    return [row.id for row in page.rows]


def count_indexed(database: Database) -> int:
    def count(tx: Tx) -> int:
        return int(tx.execute(select(func.count()).select_from(Searched)).scalar_one())

    return database.fetch(count).result()


@pytest.mark.parametrize(
    ("q", "is_found"),
    [
        ("refactor", True),
        ("REFACTOR queue", True),
        ("queue refactor", True),
        ("refactor nothing", False),
        ('"refactor the queue"', True),
        ('"queue the refactor"', False),
        ("refac*", True),
        ("refac", False),
        ("ref* que*", True),
        ('"the queue" passaram*', True),
        ("acao", True),
        ("AÇÃO", True),
        ("ac\u0327a\u0303o", True),
        ('"correção concluída"', True),
        ("correcao conclui*", True),
        ("concluir", False),
        ("src/conselho/app_main.py", True),
        ("app_main", True),
        ("app_ma*", True),
        ("main_app", False),
        ("traceback", True),
        ('"concluida traceback"', False),
        ("東京", True),
        ("strasse", True),
        ("zebra", False),
    ],
)
def test_words_of_prompt_result_and_error_are_found(database: Database, q: str, is_found: bool) -> None:
    outcome = make_outcome(
        status=Status.FAILED,
        severity="error",
        result="Ação: 3 testes passaram, correção concluída",
        error="Traceback 東京",
    )
    execution_id = make_ended(
        database, outcome, prompt="Refactor the queue of src/conselho/app_main.py, Straße", title="zebra", cwd="/zebra"
    )
    index(database)
    assert found(database, q) == ([execution_id] if is_found else [])


@pytest.mark.parametrize(
    "q",
    [
        "'; DROP TABLE executions; --",
        '" OR 1=1 --',
        'alpha" OR "beta',
        "alpha OR beta",
        "alpha NOT beta",
        "NEAR(alpha beta, 2)",
        "words: alpha beta",
        "{words} : alpha beta",
        "^alpha beta",
        "alpha & !beta",
        "alpha | beta",
        "alpha <-> beta",
        "'alpha':A beta:*",
        "alpha\\' beta",
        "alpha + beta",
        "-alpha beta",
        "alpha) beta",
        "¶alpha beta",
        "alpha\0beta",
        "alpha\ud800beta",
        "%alpha% _beta",
        "alpha:1,2 beta",
    ],
)
def test_what_is_syntax_elsewhere_is_none_here(database: Database, q: str) -> None:
    """Each asks for both words, or for those it has besides: never for one of them alone."""
    make_queued(database, prompt="alpha")
    make_queued(database, prompt="beta")
    index(database)
    assert found(database, q) == []


@pytest.mark.parametrize("q", ['"', "***", "()", "'", "¶", "\0", "\ud800", "_"])
def test_what_has_no_word_finds_nothing(database: Database, q: str) -> None:
    make_queued(database, prompt="alpha")
    index(database)
    assert found(database, q) == []


@pytest.mark.parametrize("q", ["", "  "])
def test_a_blank_query_asks_for_nothing(database: Database, q: str) -> None:
    assert found(database, q) == []
    execution_id = make_queued(database, prompt="alpha")
    assert found(database, q) == [execution_id]


@pytest.mark.parametrize("q", ["x" * (words.QUERY_CHARACTERS_MAX + 1), "x " * (words.QUERY_WORDS_MAX + 1)])
def test_a_query_that_is_too_long_is_refused(database: Database, q: str) -> None:
    with pytest.raises(errors.Invalid, match="q "):
        found(database, q)


def test_nothing_is_found_before_the_step_and_all_after_it(database: Database) -> None:
    execution_id = make_queued(database, prompt="alpha")
    assert found(database, "alpha") == []
    assert database.submit(search.index_next).result() is False
    assert found(database, "alpha") == [execution_id]
    assert database.submit(search.index_next).result() is False
    assert count_indexed(database) == 1


def test_what_ended_is_found_by_its_result_too(database: Database) -> None:
    execution_id = make_running(database, prompt="alpha")
    index(database)
    assert found(database, "beta") == []
    finish(database, execution_id, result="beta gamma")
    index(database)
    assert found(database, "alpha gamma") == [execution_id]
    assert count_indexed(database) == 1


def test_a_huge_prompt_is_found_by_its_beginning(database: Database) -> None:
    huge = "needle " + "hay stack " * 50_000 + " thread"
    blob = "z" * 500_000
    execution_id = make_queued(database, prompt=huge)
    other = make_queued(database, prompt=blob)
    index(database)
    assert found(database, "needle hay") == [execution_id]
    assert found(database, '"stack hay"') == [execution_id]
    assert found(database, "thread") == []
    assert found(database, "z" * 100) == [other]
    assert found(database, "zzz*") == [other]


def test_pages_of_a_search_show_every_row_once_newest_first(database: Database) -> None:
    made = [make_queued(database, prompt=f"alpha {number}") for number in range(7)]
    make_queued(database, prompt="beta")
    index(database)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = database.fetch(queries.page, Filter(q="alpha"), 3, cursor).result()
        seen += [row.id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
        make_queued(database, prompt="alpha later")
        index(database)
    assert seen == made[::-1]


def test_a_search_heeds_every_filter(database: Database, clock: Clock) -> None:
    queued = make_claimed(database, prompt="alpha", origin="cli", agent="ana", card_id="c1")
    clock.advance(seconds=10)
    failed = make_ended(
        database, make_outcome(status=Status.FAILED, severity="error", result="alpha"), agent="ana", councilor_id="k1"
    )
    clock.advance(seconds=10)
    good = make_ended(database, make_outcome(result="alpha"))
    index(database)
    assert found(database, "alpha") == [good, failed, queued]
    assert found(database, "alpha", status="failed") == [failed]
    assert found(database, "alpha", status="claimed") == [queued]
    assert found(database, "alpha", status="queued") == []
    assert found(database, "alpha", severity="success") == [good]
    assert found(database, "alpha", origin="cli") == [queued]
    assert found(database, "alpha", agent="ana") == [failed, queued]
    assert found(database, "alpha", card="c1") == [queued]
    assert found(database, "alpha", councilor="k1") == [failed]
    assert found(database, "alpha", since=clock() - timedelta(seconds=10)) == [good, failed]
    assert found(database, "alpha", until=clock() - timedelta(seconds=10)) == [queued]
    assert found(database, "alpha", agent="ana", since=clock() - timedelta(seconds=10), severity="error") == [failed]
    assert found(database, "beta", agent="ana") == []


def test_a_row_that_changed_since_it_was_indexed_is_shown_as_it_is(database: Database) -> None:
    """The index knows it as open: whoever asks for what was cancelled finds it once it is indexed again."""
    older = make_queued(database, prompt="alpha")
    newer = [make_queued(database, prompt="alpha") for _ in range(3)]
    index(database)
    for each in newer:
        cancel(database, each)
    assert found(database, "alpha", limit=2, status="queued") == [older]
    assert status(database, newer[0]) == "cancelled"
    assert found(database, "alpha", status="cancelled") == []
    index(database)
    assert found(database, "alpha", status="cancelled") == newer[::-1]


def test_a_removed_execution_leaves_the_index_too(database: Database) -> None:
    gone, kept = make_queued(database, prompt="alpha"), make_queued(database, prompt="alpha")
    index(database)

    def remove(tx: Tx) -> None:
        tx.execute(delete(Execution).where(Execution.id == gone))

    database.submit(remove).result()
    assert found(database, "alpha") == [kept]
    assert count_indexed(database) == 1
    index(database)


def test_what_is_removed_before_it_is_indexed_is_passed_over(database: Database) -> None:
    gone, kept = make_queued(database, prompt="alpha"), make_queued(database, prompt="alpha")

    def remove(tx: Tx) -> None:
        tx.execute(delete(Execution).where(Execution.id == gone))

    database.submit(remove).result()
    index(database)
    assert found(database, "alpha") == [kept]


def test_a_backlog_is_indexed_in_batches_bounded_in_rows_and_bytes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXECUTIONS_AT_ONCE", 4)
    monkeypatch.setattr(search, "BYTES_AT_ONCE", 300)
    sizes = [10, 10, 10, 10, 10, 200, 200, 50, 1000, 10]
    made = [make_queued(database, prompt="alpha " + "x" * size) for size in sizes]
    batches = []
    while database.submit(search.index_next).result():
        batches.append(count_indexed(database))
    assert batches == [4, 6, 8, 9, 10][: len(batches)]
    assert found(database, "alpha") == made[::-1]


def test_a_unit_that_fails_leaves_the_step_where_it_was(database: Database) -> None:
    execution_id = make_queued(database, prompt="alpha")

    def index_and_fail(tx: Tx) -> None:
        search.index_next(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.submit(index_and_fail).result()
    assert count_indexed(database) == 0
    index(database)
    assert found(database, "alpha") == [execution_id]


@pytest.mark.parametrize("unit", [0, 1])
def test_a_crash_in_the_middle_of_the_step_leaves_nothing_unfound(
    database: Database, database_url: str, unit: int
) -> None:
    made = [make_queued(database, prompt=f"alpha {number}") for number in range(search.EXECUTIONS_AT_ONCE + 10)]
    database.close()
    command = [sys.executable, "-m", "tests.executions.dying_indexer", database_url, str(unit)]
    died = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=100, check=False, capture_output=True)
    assert died.returncode == dying_indexer.EXIT_CODE, died.stderr.decode()

    again = Database(database_url)
    assert count_indexed(again) == unit * search.EXECUTIONS_AT_ONCE
    index(again)
    assert found(again, "alpha") == made[::-1]
    assert count_indexed(again) == len(made)
    again.close()


def test_what_no_worker_ended_is_found_as_it_ended(database: Database, clock: Clock) -> None:
    execution_id = make_queued(database, prompt="alpha", start_before=clock() + timedelta(seconds=5))
    index(database)
    wait_while_served(database, clock, seconds=20)
    index(database)
    assert found(database, "alpha", status="expired") == [execution_id]


def test_the_few_that_run_are_found_among_the_many_that_wait(database: Database, clock: Clock) -> None:
    running = make_running(database, prompt="alpha beta")
    other = make_running(database, prompt="alpha gamma")
    for number in range(30):
        clock.advance(seconds=1)
        make_queued(database, prompt=f"alpha beta {number}")
    index(database)
    assert found(database, "alpha beta", 1, status="running") == [running]
    assert found(database, "alpha", 1, status="running") == [other]
    assert found(database, "alph* beta", 5, status="running") == [running]
    assert found(database, "alpha", 5, status="claimed") == []


def test_who_is_gone_from_where_a_search_goes_on_takes_none_of_its_millisecond_along(database: Database) -> None:
    made = [make_queued(database, prompt="alpha") for _ in range(6)]
    index(database)
    page = database.fetch(queries.page, Filter(q="alpha"), 2).result()
    gone = page.rows[-1].id

    def remove(tx: Tx) -> None:
        tx.execute(delete(Searched).where(Searched.execution_id == gone))

    database.submit(remove).result()
    rest = database.fetch(queries.page, Filter(q="alpha"), 200, page.next).result()
    assert {row.id for row in rest.rows} == set(made) - {row.id for row in page.rows}
