"""A backup is of one moment, costs the writer nothing, and is there when it is whole or not at all."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from conselho import ids
from conselho.db import backup, engine, migrate, restore
from conselho.db.session import Database
from conselho.errors import Conflict, DataDirectoryHeld, Invalid, SchemaNewer, Unusable
from tests.db.conftest import PATIENCE_SECONDS, add_note, found_notes
from tests.executions.making import make_ended, make_queued, status

BODY = "x" * 100_000


def silent(_words: str) -> None:
    """Nobody watches."""


def lines_of(file: Path) -> list[str]:
    """The notes in a backup, in the order of their ids."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return [name for (name,) in connection.execute("SELECT id FROM notes ORDER BY id")]


@pytest.fixture
def sqlite_notes_url(sqlite_database_url: str) -> str:
    with closing(sqlite3.connect(place_of(sqlite_database_url))) as connection:
        connection.execute("CREATE TABLE notes (id VARCHAR(40) PRIMARY KEY, body TEXT NOT NULL)")
    return sqlite_database_url


def place_of(url: str) -> Path:
    return Path(str(engine.database_address(url).database))


def test_it_holds_what_the_database_held(database: Database, database_url: str, tmp_path: Path) -> None:
    make_ended(database)
    make_queued(database)
    made = backup.write(database_url, tmp_path / "copy", replace=False, tell=silent)
    assert (made.executions, made.events, made.revision) == (2, 5, migrate.head())
    assert made.bytes == (tmp_path / "copy").stat().st_size
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_writers_go_on_and_the_copy_is_of_the_moment_when_it_began(sqlite_notes_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_notes_url)
    try:
        before = [database.submit(add_note, f"a{number:03}", BODY).result(PATIENCE_SECONDS) for number in range(200)]
        meanwhile: list[str] = []

        def write_on(_words: str) -> None:
            note = database.submit(add_note, f"b{len(meanwhile):03}", BODY)
            meanwhile.append(note.result(PATIENCE_SECONDS))

        backup.write(sqlite_notes_url, tmp_path / "copy", replace=False, tell=write_on)
        assert len(meanwhile) > 3
        assert lines_of(tmp_path / "copy") == before
        assert sorted(found_notes(database)) == before + meanwhile
    finally:
        database.close()


def test_it_takes_nothing_out_of_the_log_and_writes_nothing(sqlite_notes_url: str, tmp_path: Path) -> None:
    place = place_of(sqlite_notes_url)
    opened = sqlite3.connect(place, isolation_level=None)
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("INSERT INTO notes VALUES ('only in the log', '')")
    # What a server that was killed leaves: the file and its log, with nobody who has them open.
    left = tmp_path / "left" / place.name
    left.parent.mkdir()
    for source, to in zip(backup.files_of(place)[:2], backup.files_of(left)[:2], strict=True):
        to.write_bytes(source.read_bytes())
    opened.close()
    before = [each.read_bytes() for each in backup.files_of(left)[:2]]
    assert len(before[1]) > 0
    backup.write(engine.sqlite_url(left), tmp_path / "copy", replace=False, tell=silent)
    assert lines_of(tmp_path / "copy") == ["only in the log"]
    assert [each.read_bytes() for each in backup.files_of(left)[:2]] == before


def test_what_is_there_stays_unless_it_is_to_be_replaced(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    file.write_text("precious")
    with pytest.raises(Conflict, match="--force"):
        backup.write(database_url, file, replace=False, tell=silent)
    assert file.read_text() == "precious"
    backup.write(database_url, file, replace=True, tell=silent)
    assert file.stat().st_size > 1000


def test_one_that_fails_leaves_what_was_there_and_nothing_beside_it(database_url: str, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    (directory / "copy").write_text("precious")

    def stop(_words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.write(database_url, directory / "copy", replace=True, tell=stop)
    assert [each.name for each in directory.iterdir()] == ["copy"]
    assert (directory / "copy").read_text() == "precious"


def test_a_damaged_database_makes_no_backup(sqlite_notes_url: str, tmp_path: Path) -> None:
    fill(sqlite_notes_url)
    damage(place_of(sqlite_notes_url))
    with pytest.raises(Unusable, match="damaged"):
        backup.write(sqlite_notes_url, tmp_path / "copy", replace=False, tell=silent)
    assert not (tmp_path / "copy").exists()


def fill(url: str) -> None:
    with closing(sqlite3.connect(place_of(url))) as connection:
        connection.executemany("INSERT INTO notes VALUES (?, ?)", [(ids.new(), "x" * 1000) for _ in range(1000)])
        connection.commit()


def damage(place: Path) -> None:
    """Overwrite some pages in the middle of the notes."""
    with place.open("r+b") as file:
        file.seek(place.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 16 * 4096)


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """Where no database is yet."""
    return engine.sqlite_url(tmp_path / "new" / "conselho.db")


def put(url: str, file: Path) -> Path | None:
    with restore.staged(url, file, silent) as copy:
        return restore.put_in_place(copy, url)


def made_backup(url: str, file: Path) -> Path:
    return backup.write(url, file, replace=False, tell=silent).file


def test_a_backup_becomes_the_database_and_the_one_before_is_kept_with_its_log(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    place = place_of(sqlite_database_url)
    database = Database(sqlite_database_url)
    first = make_ended(database)
    file = made_backup(sqlite_database_url, tmp_path / "copy")
    second = make_ended(database)
    database.close()
    kept = put(sqlite_database_url, file)
    assert kept is not None
    assert {each.name for each in place.parent.iterdir() if place.name in each.name} == {place.name, kept.name}
    for url, runs in ((sqlite_database_url, [first]), (engine.sqlite_url(kept), [first, second])):
        opened = Database(url)
        assert [status(opened, each) for each in runs] == ["succeeded"] * len(runs)
        opened.close()
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT count(*) FROM executions").fetchone() == (1,)


def test_two_restores_in_one_moment_keep_both(sqlite_database_url: str, tmp_path: Path, clock: object) -> None:
    file = made_backup(sqlite_database_url, tmp_path / "copy")
    kept = [put(sqlite_database_url, file) for _ in range(3)]
    assert len(set(kept)) == 3
    assert all(each is not None and each.exists() for each in kept)


def test_a_backup_is_only_read(sqlite_database_url: str, empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    file = made_backup(sqlite_database_url, tmp_path / "backups" / "copy")
    before = file.read_bytes()
    assert put(empty_url, file) is None
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    migrate.check(empty_url)


def test_a_copy_by_other_means_is_restored_with_its_log(sqlite_database_url: str, empty_url: str) -> None:
    """What lies beside a file as its log belongs to it."""
    database = Database(sqlite_database_url)
    execution_id = make_ended(database)
    put(empty_url, place_of(sqlite_database_url))
    database.close()
    opened = Database(empty_url)
    assert status(opened, execution_id) == "succeeded"
    opened.close()


def test_an_older_backup_is_upgraded(sqlite_database_url: str, empty_url: str, tmp_path: Path) -> None:
    migrate.downgrade(sqlite_database_url, "0002")
    put(empty_url, made_backup(sqlite_database_url, tmp_path / "copy"))
    migrate.check(empty_url)


def set_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def another_programs(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE executions (id)")


def cut_short(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (set_newer, SchemaNewer, "newer Conselho"),
        (another_programs, Invalid, "another program's database"),
        (cut_short, Unusable, "damaged"),
        (lambda file: file.write_text("hello"), Invalid, "not a SQLite database"),
        (lambda file: file.write_bytes(b""), Invalid, "not a SQLite database"),
        (lambda file: file.write_bytes(b"PGDMP..."), Invalid, "pg_restore"),
        (Path.unlink, Invalid, "there is no file"),
    ],
)
def test_what_is_no_whole_backup_of_ours_changes_nothing(
    sqlite_database_url: str, tmp_path: Path, spoil: Callable[[Path], object], kind: type[Exception], said: str
) -> None:
    file = made_backup(sqlite_database_url, tmp_path / "copy")
    spoil(file)
    place = place_of(sqlite_database_url)
    before, beside = place.read_bytes(), sorted(place.parent.iterdir())
    with pytest.raises(kind, match=said):
        put(sqlite_database_url, file)
    assert place.read_bytes() == before
    assert sorted(place.parent.iterdir()) == beside


def test_one_that_is_given_up_half_way_changes_nothing(sqlite_database_url: str, tmp_path: Path) -> None:
    file = made_backup(sqlite_database_url, tmp_path / "copy")
    place = place_of(sqlite_database_url)
    before, beside = place.read_bytes(), sorted(place.parent.iterdir())

    def give_up() -> None:
        with restore.staged(sqlite_database_url, file, silent) as copy:
            database = Database(copy)
            make_queued(database)
            database.close()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert place.read_bytes() == before
    assert sorted(place.parent.iterdir()) == beside


def test_a_damaged_database_is_replaced_and_kept_as_it_stands(sqlite_notes_url: str, tmp_path: Path) -> None:
    place = place_of(sqlite_notes_url)
    file = made_backup(sqlite_notes_url, tmp_path / "copy")
    rubbish, rubbish_log = b"SQLite format 3\x00" + b"\xff" * 5000, b"\x01" * 700
    for each, content in zip(backup.files_of(place)[:2], (rubbish, rubbish_log), strict=True):
        each.write_bytes(content)
    kept = put(sqlite_notes_url, file)
    assert kept is not None
    assert [each.read_bytes() for each in backup.files_of(kept)[:2]] == [rubbish, rubbish_log]
    assert not any(each.exists() for each in backup.files_of(place)[1:])
    migrate.check(sqlite_notes_url)


def test_one_that_others_have_open_is_not_replaced(sqlite_notes_url: str, tmp_path: Path) -> None:
    place = place_of(sqlite_notes_url)
    file = made_backup(sqlite_notes_url, tmp_path / "copy")
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("INSERT INTO notes VALUES ('theirs', '')")
        with pytest.raises(DataDirectoryHeld, match="another process"):
            put(sqlite_notes_url, file)
        assert not [each for each in place.parent.iterdir() if "restore" in each.name]
        other.execute("INSERT INTO notes VALUES ('theirs, later', '')")
    assert lines_of(place) == ["theirs", "theirs, later"]
