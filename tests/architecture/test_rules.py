"""What may not stand in the program does not stand there, and each rule sees what it is there to see."""

import pytest

from tests.architecture import rules
from tests.architecture.rules import OF_THE_PROGRAM, OF_THE_TESTS, Rule
from tests.architecture.source import Source, of_the_program, of_the_tests


def by_name(rule: Rule) -> str:
    return rule.__name__


def broken(rule: Rule, sources: list[Source]) -> list[str]:
    return [f"{source.path}:{said}" for source in sources for said in rule(source)]


@pytest.mark.parametrize("rule", OF_THE_PROGRAM, ids=by_name)
def test_the_program_keeps(rule: Rule) -> None:
    assert broken(rule, of_the_program()) == []


@pytest.mark.parametrize("rule", OF_THE_TESTS, ids=by_name)
def test_the_tests_keep(rule: Rule) -> None:
    assert broken(rule, of_the_tests()) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.only_db_ends_a_transaction, "tx.session.commit()"),
        (rules.only_db_ends_a_transaction, "connection.begin_nested()"),
        (rules.only_db_ends_a_transaction, "connection.rollback()"),
        (rules.only_db_ends_a_transaction, "from sqlalchemy import create_engine, select"),
        (rules.only_db_ends_a_transaction, "from sqlalchemy.orm import Session"),
        (rules.only_db_knows_which_database_it_is, "import sqlite3"),
        (rules.only_db_knows_which_database_it_is, "from psycopg import sql"),
        (rules.only_db_knows_which_database_it_is, "from sqlalchemy.dialects import postgresql"),
        (rules.only_db_knows_which_database_it_is, "from sqlalchemy.dialects.sqlite import insert"),
        (rules.only_db_knows_which_database_it_is, "if connection.dialect.name: pass"),
        (rules.only_db_knows_which_database_it_is, "insert(Row).on_conflict_do_nothing()"),
        (rules.only_db_knows_which_database_it_is, "if database.kind == 'postgresql': pass"),
        (rules.only_db_knows_which_database_it_is, "if kind in ('sqlite', 'other'): pass"),
        (rules.only_db_knows_which_database_it_is, "Index('name', sqlite_where=text('x'))"),
        (rules.only_db_knows_which_database_it_is, "BigInteger().with_variant(Integer, 'sqlite')"),
        (rules.only_db_knows_which_database_it_is, "__table_args__ = {'sqlite_autoincrement': True}"),
        (rules.only_db_knows_which_database_it_is, "url = f'sqlite:///{path}'"),
        (rules.nothing_reaches_a_shell, "subprocess.run('ls', shell=True)"),
        (rules.nothing_reaches_a_shell, "os.system('ls')"),
        (rules.nothing_reaches_a_shell, "os.popen('ls')"),
        (rules.nothing_reaches_a_shell, "eval(text)"),
        (rules.nothing_reaches_a_shell, "exec(text)"),
        (rules.nothing_reaches_a_shell, "import pickle"),
        (rules.nothing_reaches_a_shell, "from marshal import loads"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept Exception:\n    pass"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept Exception:  # noqa: BLE001, S110\n    pass"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept (OSError, BaseException) as error:\n    pass"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept:\n    pass"),
        (rules.sleeps_say_why, "time.sleep(1)"),
        (rules.sleeps_say_why, "x = 1  # of something else\ntime.sleep(1)\ny = 2  # the same"),
        (rules.only_the_clock_knows_the_time, "datetime.now(UTC)"),
        (rules.only_the_clock_knows_the_time, "time.time()"),
        (rules.files_stay_short, "x = 1\n" * 401),
        (rules.nothing_is_skipped_or_mocked, "@pytest.mark.skip\ndef test(): pass"),
        (rules.nothing_is_skipped_or_mocked, "@pytest.mark.skipif(True, reason='')\ndef test(): pass"),
        (rules.nothing_is_skipped_or_mocked, "pytestmark = pytest.mark.xfail(strict=True)"),
        (rules.nothing_is_skipped_or_mocked, "pytest.skip('not today')"),
        (rules.nothing_is_skipped_or_mocked, "from unittest.mock import Mock"),
        (rules.nothing_is_skipped_or_mocked, "import unittest.mock"),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Rule, text: str) -> None:
    assert list(rule(Source("worker/example.py", text)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.only_db_ends_a_transaction, "from sqlalchemy import Row, select\nprovider.begin()"),
        (
            rules.only_db_knows_which_database_it_is,
            '"""On SQLite this is different, on PostgreSQL not."""\nx = "SQLite"',
        ),
        (rules.nothing_reaches_a_shell, "subprocess.run(['ls'])\ncompile(text, 'x', 'exec')\nos.execve(a, b, c)"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept Exception:  # noqa: BLE001 - a loop's top\n    pass"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept Exception:\n    # It is gone either way.\n    pass"),
        (rules.broad_handlers_say_why, "try:\n    pass\nexcept OSError:\n    pass"),
        (rules.sleeps_say_why, "# Nothing tells when there is room again.\ntime.sleep(1)"),
        (rules.sleeps_say_why, "await asyncio.sleep(1)"),
        (rules.files_stay_short, "x = 1\n" * 400),
    ],
)
def test_a_rule_leaves_alone_what_keeps_it(rule: Rule, text: str) -> None:
    assert list(rule(Source("worker/example.py", text))) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (rules.only_db_ends_a_transaction, "connection.commit()"),
        (rules.only_db_knows_which_database_it_is, "import sqlite3"),
    ],
)
def test_db_is_where_it_is_allowed(rule: Rule, text: str) -> None:
    assert list(rule(Source("db/session.py", text))) == []


@pytest.mark.parametrize(
    "path",
    ["worker/helpers.py", "cards/service.py", "utils/text.py", "agents/run_manager.py", "common.py", "core/x.py"],
)
def test_a_name_that_fits_everything_is_seen(path: str) -> None:
    assert list(rules.names_say_something(Source(path, "")))


def test_a_name_that_only_contains_such_a_word_is_none() -> None:
    assert list(rules.names_say_something(Source("events/commonality.py", ""))) == []


def test_a_package_with_something_in_it_is_seen() -> None:
    assert list(rules.packages_are_empty(Source("worker/__init__.py", "from conselho.worker.run import Run")))
    assert list(rules.packages_are_empty(Source("worker/__init__.py", "\n"))) == []
