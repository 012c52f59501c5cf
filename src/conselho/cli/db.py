"""`conselho db`: bring the database up to this program, copy it, put a copy in its place.

Whatever changes it holds the data directory's lock: nobody may be writing meanwhile. A backup only reads.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conselho.cli import options, spinner, terminal
from conselho.cli.groups import Group
from conselho.cli.options import Place

if TYPE_CHECKING:
    from conselho.executions.restore import Restored

END_SECONDS = 3600.0  # for ending all that was open, in one transaction


@click.group(
    "db",
    cls=Group,
    short_help="Upgrade, check, back up or restore the database.",
    epilog=options.example("conselho db upgrade", "conselho db backup /backup/conselho-monday.db"),
)
def command() -> None:
    """Upgrade, check, back up or restore the database."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, resolve_path=True))


@command.command("upgrade", epilog=options.example("conselho db upgrade"))
@_JSON
@options.place
def upgrade(place: Place, *, as_json: bool) -> None:
    """Bring the database to what this program needs; make it if there is none."""
    settings = place.settings()
    from conselho.db import migrate  # noqa: PLC0415
    from conselho.server import holder  # noqa: PLC0415

    with holder.take(settings.data_dir, "db", None):
        before, after = migrate.upgrade(settings.url)
    if as_json:
        print(json.dumps({"before": before, "after": after}))
        return
    print(f"up to date at {after}" if before == after else f"upgraded from {before or 'nothing'} to {after}")


@command.command("check", epilog=options.example("conselho db check"))
@_JSON
@options.place
def check(place: Place, *, as_json: bool) -> None:
    """Say whether this program can work with the database; exit 1 if not."""
    settings = place.settings()
    from conselho.db import migrate  # noqa: PLC0415

    migrate.check(settings.url)
    found = migrate.revision(settings.url)
    print(json.dumps({"revision": found}) if as_json else f"up to date at {found}")


@command.command(
    "backup",
    epilog=options.example(
        "conselho db backup /backup/conselho-monday.db", "conselho db backup --force /backup/conselho.db --json"
    ),
)
@_FILE
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@_JSON
@options.place
def back_up(place: Place, *, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database into FILE, checked and of one moment, also while a server runs.

    The database is all that is in it: not `runs/`, which belongs to the processes that are alive now. FILE appears when
    it is whole. A PostgreSQL database is dumped by `pg_dump`.
    """
    settings = place.settings()
    from conselho.db import backup  # noqa: PLC0415

    with _told() as tell:
        made = backup.write(settings.url, file, replace=force, tell=tell)
    if as_json:
        print(json.dumps(dataclasses.asdict(made) | {"file": str(made.file)}, ensure_ascii=False))
        return
    content = f"{_many(made.executions, 'execution')}, {_many(made.events, 'event')}, revision {made.revision}"
    print(f"backed up to {made.file}: {made.bytes / 1e6:.1f} MB, {content}")


@command.command("restore", epilog=options.example("conselho db restore /backup/conselho-monday.db"))
@_FILE
@_JSON
@options.place
def restore(place: Place, *, file: Path, as_json: bool) -> None:
    """Put the backup FILE in the place of the database; no server may run.

    The database that is there is kept beside it, and an older backup is upgraded. Nothing that ran since the backup
    runs again: what had not ended in it is lost, and a run that is still alive is ended by the next server.
    """
    settings = place.settings()
    from conselho.db import migrate  # noqa: PLC0415
    from conselho.db import restore as restoring  # noqa: PLC0415
    from conselho.server import holder  # noqa: PLC0415

    with holder.take(settings.data_dir, "db", None), _told() as tell:
        with restoring.staged(settings.url, file, tell) as copy:
            tell("ending what had not ended")
            found = _begin_anew(copy)
            kept = restoring.put_in_place(copy, settings.url)
        revision = migrate.head()
    if as_json:
        answer = {"file": str(file), "kept": None if kept is None else str(kept)}
        print(json.dumps(answer | {"revision": revision} | dataclasses.asdict(found), ensure_ascii=False))
        return
    print(f"restored from {file}: {_ended(found)}")
    if kept is not None:
        print(f"the database that was there is kept as {kept}")


@command.command("restored", epilog=options.example("conselho db restored"))
@_JSON
@options.place
def restored(place: Place, *, as_json: bool) -> None:
    """Say that the database was restored by other means, by `pg_restore` say, before a server runs on it again.

    It is upgraded, what had not ended in it ends as lost, and a new history of events begins: nothing that ran since
    the backup runs again. `conselho db restore` does this by itself.
    """
    settings = place.settings()
    from conselho import errors  # noqa: PLC0415
    from conselho.db import migrate  # noqa: PLC0415
    from conselho.db import restore as restoring  # noqa: PLC0415
    from conselho.server import holder  # noqa: PLC0415

    with holder.take(settings.data_dir, "db", None), _told() as tell:
        restoring.check_alone(settings.url)
        if migrate.revision(settings.url) is None:
            raise errors.Unusable("there is nothing of Conselho's in this database: restore a backup into it first")
        _, revision = migrate.upgrade(settings.url)
        tell("ending what had not ended")
        found = _begin_anew(settings.url)
    print(json.dumps({"revision": revision} | dataclasses.asdict(found)) if as_json else f"restored: {_ended(found)}")


def _begin_anew(url: str) -> "Restored":
    from conselho.council import firing  # noqa: PLC0415 - brings the database, which help needs not
    from conselho.db.session import Database, Tx  # noqa: PLC0415 - the same
    from conselho.executions import restore as restoring  # noqa: PLC0415

    def begin(tx: Tx) -> "Restored":
        firing.move_past_now(tx)
        return restoring.begin_anew(tx)

    database = Database(url, answer_seconds_max=END_SECONDS)
    try:
        return database.submit(begin).result()
    finally:
        database.close()


def _ended(found: "Restored") -> str:
    if found.lost == 0:
        return "everything in it had ended"
    return f"{_many(found.lost, 'execution')} that had not ended in it {'is' if found.lost == 1 else 'are'} lost"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def _told() -> Iterator[Callable[[str], None]]:
    """Show what is being done, where that can be wiped again."""
    turning = spinner.Spinner(terminal.messages())

    def tell(words: str) -> None:
        turning.words = words
        turning.turn()

    try:
        yield tell
    finally:
        turning.wipe()
