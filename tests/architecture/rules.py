"""What may not stand in the program? Each rule looks at one file and says what is wrong in it.

A rule yields sentences that begin with the line. An exception to a rule stands beside it, with its reason.
"""

import ast
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeGuard

from tests.architecture.source import Source, dotted

Rule = Callable[[Source], Iterator[str]]

LINES_MAX = 400
FORBIDDEN_NAMES = {"service", "manager", "helper", "util", "common", "core"}
# What opens a transaction or ends one.
_TRANSACTIONS = {"commit", "rollback", "begin_nested", "begin_twophase", "savepoint"}
_OPENERS = {"create_engine", "Engine", "Connection", "Session", "sessionmaker", "scoped_session", "AsyncSession"}
_DRIVERS = ("sqlite3", "psycopg", "sqlalchemy.dialects", "apsw", "asyncpg")
_KINDS = ("sqlite", "postgres")
# NOTIFY belongs to a driver's connection, and signals are no affair of `db`.
_LISTENS = {"events/listening.py"}
# The one place where the embedded database gets its name; it is below `db`, and cannot ask there.
_NAMES_THE_DEFAULT = {"settings.py"}
_SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec"}
_UNSAFE = ("pickle", "marshal", "shelve", "dill")
_WALL_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today", "time.time", "time.time_ns"}
# `clock` is what the rule is for; ids carry their moment; the shim and the analyses are programs of their own.
_READS_THE_CLOCK = {"clock.py", "ids.py", "worker/recorder.py", "worker/shim.py", "worker/shim_files.py"}
_PROGRAMS = {"analyses"}


def only_db_ends_a_transaction(source: Source) -> Iterator[str]:
    """Commits, savepoints and what opens connections are the affair of `db` alone."""
    if source.room == "db":
        return
    for line, name in source.called():
        if name.rpartition(".")[2] in _TRANSACTIONS:
            yield f"{line}: {name}() outside db"
    for line, name in source.imported():
        if name.startswith("sqlalchemy") and name.rpartition(".")[2] in _OPENERS:
            yield f"{line}: {name} outside db"


def only_db_knows_which_database_it_is(source: Source) -> Iterator[str]:
    """No driver, no dialect and no branch on the kind of database but in `db`."""
    if source.room == "db" or source.path in _LISTENS:
        return
    for line, name in source.imported():
        if any(name == driver or name.startswith(f"{driver}.") for driver in _DRIVERS):
            yield f"{line}: imports {name} outside db"
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.expr | ast.keyword):
            continue
        if isinstance(node, ast.Attribute) and (node.attr == "dialect" or node.attr.startswith("on_conflict")):
            yield f"{node.lineno}: .{node.attr} outside db"
        if isinstance(node, ast.Compare):
            words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            yield from (f"{node.lineno}: asks for {word!r} outside db" for word in words if _is_kind(word))
        if (isinstance(node, ast.keyword) and _is_kind(node.arg)) or _is_variant(node):
            yield f"{node.lineno}: says what is true of one database only, outside db"
        if _is_address(node) and source.path not in _NAMES_THE_DEFAULT:
            yield f"{node.lineno}: makes a database's address outside db"


def nothing_reaches_a_shell(source: Source) -> Iterator[str]:
    """Programs are started with their arguments as a list; data is never code."""
    for line, name in source.called():
        if name in _SHELLS:
            yield f"{line}: {name}()"
    for line, name in source.imported():
        if name.partition(".")[0] in _UNSAFE:
            yield f"{line}: imports {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            yield f"{node.lineno}: shell="


def broad_handlers_say_why(source: Source) -> Iterator[str]:
    """Whoever catches everything says in a comment why it must."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not source.gives_reason(node.lineno):
            yield f"{node.lineno}: catches everything and does not say why"


def sleeps_say_why(source: Source) -> Iterator[str]:
    """Whoever blocks a thread for a time says in a comment what it waits for."""
    for line, name in source.called():
        if name in {"time.sleep", "sleep"} and not source.gives_reason(line):
            yield f"{line}: sleeps and does not say why"


def only_the_clock_knows_the_time(source: Source) -> Iterator[str]:
    """`tx.now` in a unit and `clock.now()` elsewhere, so that tests can move it."""
    if source.path in _READS_THE_CLOCK or source.room in _PROGRAMS:
        return
    for line, name in source.called():
        if name in _WALL_CLOCKS:
            yield f"{line}: {name}() outside clock.py"


def files_stay_short(source: Source) -> Iterator[str]:
    """A file past its limit is cut along its verbs."""
    lines = len(source.text.splitlines())
    if lines > LINES_MAX:
        yield f"{lines}: more than {LINES_MAX} lines"


def names_say_something(source: Source) -> Iterator[str]:
    """No file or room is called by a word that fits everything."""
    for part in source.path.removesuffix(".py").split("/"):
        for word in part.lower().split("_"):
            if word in FORBIDDEN_NAMES or word.removesuffix("s") in FORBIDDEN_NAMES:
                yield f"1: nothing is called {word}"


def packages_are_empty(source: Source) -> Iterator[str]:
    """What a room has stands in its files, so that there is one way to import it."""
    if source.path.endswith("__init__.py") and source.text.strip():
        yield "1: __init__.py is empty"


def nothing_is_skipped_or_mocked(source: Source) -> Iterator[str]:
    """A test that is not run shows nothing, and one of a mock shows that the mock works."""
    marks = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in marks:
            yield f"{node.lineno}: {dotted(node)}"
    for line, name in chain(source.called(), source.imported()):
        if name in {"pytest.xfail", "pytest.importorskip"} or name.startswith("unittest.mock"):
            yield f"{line}: {name}"
    for line, name in source.called():
        # Without any PostgreSQL or agent CLI their tests say so; where nothing may be skipped that fails the run.
        if name == "pytest.skip" and source.path not in {"conftest.py", "agent_clis/conftest.py"}:
            yield f"{line}: {name}"


def _is_kind(word: object) -> TypeGuard[str]:
    return isinstance(word, str) and word.lower().startswith(_KINDS)


def _is_variant(node: ast.AST) -> bool:
    """`.with_variant(…, "sqlite")`, and the same as a mapping's key."""
    if isinstance(node, ast.Call) and dotted(node.func).endswith("with_variant"):
        return True
    return isinstance(node, ast.Dict) and any(
        isinstance(key, ast.Constant) and _is_kind(key.value) and "_" in key.value for key in node.keys
    )


def _is_address(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and _is_kind(node.value) and "://" in node.value


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(dotted(each) in {"Exception", "BaseException"} for each in caught)


OF_THE_PROGRAM: tuple[Rule, ...] = (
    only_db_ends_a_transaction,
    only_db_knows_which_database_it_is,
    nothing_reaches_a_shell,
    broad_handlers_say_why,
    sleeps_say_why,
    only_the_clock_knows_the_time,
    files_stay_short,
    names_say_something,
    packages_are_empty,
)
OF_THE_TESTS: tuple[Rule, ...] = (
    files_stay_short,
    names_say_something,
    packages_are_empty,
    nothing_is_skipped_or_mocked,
)
