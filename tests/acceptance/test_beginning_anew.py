"""A page comes back with an id that means nothing any more: it loads anew, and shows what the API says."""

import subprocess
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.events import log as events
from conselho.events import tail
from conselho.events.models import Cursor, Event
from tests.acceptance.house import House, Server
from tests.acceptance.pages import Page, loaded
from tests.acceptance.waiting import until
from tests.cli.programs import conselho

LONG_AGO = timedelta(days=30)


def ran(page: Page, server: Server, count: int) -> list[str]:
    """Runs whose end the page has seen."""
    made = [server.submit("true") for _ in range(count)]
    for each in made:
        page.follow(server, each)
    return made


def let_time_pass(url: str) -> None:
    """Let all events be of long ago, and read by all who must have read them before they may go."""

    def age(tx: Tx) -> None:
        tx.execute(update(Event).values(at=tx.now - LONG_AGO))
        tx.execute(update(Cursor).where(Cursor.name != tail.PRUNED).values(event_id=events.last_id(tx)))

    database = Database(url)
    database.submit(age).result()
    database.close()


def test_after_its_events_were_pruned(house: House) -> None:
    server = house.serve()
    page = Page(server)
    ran(page, server, 2)
    for _ in range(2):  # unseen
        server.end_of(server.submit("true"))
    server.kill()
    let_time_pass(house.url)

    server = house.serve()
    until(lambda: server.http.get("/events", params={"after": page.as_of}).status_code == 410, "events to be pruned")
    ran(page, server, 1)
    assert page.resets == ["expired"]
    assert page.shown == loaded(server)
    ran(page, server, 2)
    assert page.resets == ["expired"], "it goes on from what it has loaded"
    assert page.shown == loaded(server)


def test_after_its_database_was_restored(house: House, tmp_path: Path) -> None:
    server = house.serve()
    page = Page(server)
    kept = ran(page, server, 2)
    gate = house.gate()
    open_then = server.submit(gate.wait)
    server.await_state(open_then, "running")
    backup = tmp_path / "copy"
    command(house, "backup", str(backup))
    gate.open()
    page.follow(server, open_then)
    gone = ran(page, server, 3)
    assert page.shown.keys() == {*kept, open_then, *gone}
    server.kill()
    put_back(house, backup)

    server = house.serve()
    anew = ran(page, server, 3)
    assert page.resets == ["epoch"]
    assert page.shown == loaded(server)
    assert page.shown == dict.fromkeys((*kept, *anew), "succeeded") | {open_then: "lost"}
    ran(page, server, 1)
    assert page.resets == ["epoch"], "it goes on from what it has loaded"
    assert page.shown == loaded(server)


def command(house: House, *words: str) -> None:
    """`conselho db …`."""
    done = conselho("db", *words, *house.arguments)
    assert done.returncode == 0, done.stderr


def put_back(house: House, backup: Path) -> None:
    """Restore it as an operator does: PostgreSQL's by its own tools."""
    if house.database_url is None:
        command(house, "restore", str(backup))
        return
    plain = engine.database_address(house.database_url).set(drivername="postgresql")
    words = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction"]
    to = f"--dbname={plain.render_as_string(hide_password=False)}"
    subprocess.run(["pg_restore", *words, to, str(backup)], check=True)
    command(house, "restored")
