"""`conselho events`: what happened, and with -f what happens, whatever becomes of the server meanwhile.

Each event has an id; after a break the stream is asked for what comes behind the last one seen. Where the server says
that this cannot be had any more - another history, events that are not kept - it says so on stderr, and goes on.

Who only looks starts no server, and does not bring one back that was stopped: it waits for the next one.
"""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cli import options, terminal
from conselho.cli.options import Moment, Place, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

PAGE_EVENTS = 1000
"""The most a page of the API holds."""

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 3.0
"""Between a stream's end and asking again; doubled while nothing is heard."""

REPLACED_SECONDS = 2.0
"""A server that is replaced is away for less; one that is away for longer is worth a word."""

_TOLD = ("status", "summary", "reason", "title", "waiting_for", "worker")


@click.command(
    "events",
    short_help="Print what happened, and what happens.",
    epilog=options.example("conselho events --since 1d", "conselho events -f --topics executions --json"),
)
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--since", metavar="T", type=Moment(), help="From then on: 2h (two hours ago), 2026-11-21, … (1h)")
@click.option("--topics", metavar="T", type=Text(), help="Only these: executions,workers,…")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.place
def command(place: Place, *, is_followed: bool, since: str | None, topics: str | None, as_json: bool) -> None:
    """Print what happened, an event a line, the oldest first.

    With -f, a server that goes away is waited for, and nothing is missed; none is started.
    """
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    out = terminal.output()
    begins = since or Moment().convert("1h", None, None)
    try:
        reader = client.reader(place.settings())
    except errors.NotFound:  # no database yet: looking makes none
        terminal.messages().say("nothing has happened yet: try `conselho run -- make test`")
        return
    with reader as api, options.by_their_names():
        as_of, is_empty = "", True
        for page in _stored(api, begins, topics):
            for event in page["items"]:
                is_empty = False
                _say(event, out, as_json=as_json)
            as_of = page["as_of"]
        if not is_followed:
            if is_empty:
                terminal.messages().say("nothing like that happened since then: look further back with --since 7d")
            return
        if not api.is_served:
            raise errors.Unavailable("no server is running, so nothing happens: start one with `conselho serve`")
        for event in _live(api, as_of, topics):
            _say(event, out, as_json=as_json)


def _stored(api: "Api", since: str, topics: str | None) -> Iterator[dict[str, Any]]:
    """Pages of the events that are there, at least one."""
    page = api.get("/events", topics=topics, limit=PAGE_EVENTS, since=since)
    yield page
    while page["next"] is not None:
        page = api.get("/events", topics=topics, limit=PAGE_EVENTS, after=page["next"])
        yield page


def _live(api: "Api", after: str, topics: str | None) -> Iterator[dict[str, Any]]:
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    path = "/events/stream" + ("" if topics is None else f"?topics={topics}")
    pause = PAUSE_SECONDS
    while True:
        try:
            with api.stream(path, after) as messages:
                for event, data in messages:
                    pause = PAUSE_SECONDS
                    told = json.loads(data)
                    if event == client.PLACE:
                        after = told
                    elif event == "reset":
                        after = told["as_of"]
                        terminal.messages().say(f"some events are not to be had any more ({told['reason']}): going on")
                    else:
                        after = told["id"]
                        yield told
        except errors.Unavailable:
            _await_server(api)
        # Also after a stream that ended well: they all do after ten minutes, and when a server is replaced.
        time.sleep(pause)  # so that asking again is no busy loop
        pause = min(pause * 2, PAUSE_SECONDS_MAX)


def _await_server(api: "Api") -> None:
    if api.await_server(REPLACED_SECONDS):
        return
    terminal.messages().say("no server is running: waiting for one")
    api.await_server(None)
    terminal.messages().say("a server is running again: going on")


def _say(event: dict[str, Any], out: terminal.Screen, *, as_json: bool) -> None:
    if as_json:
        out.say(json.dumps(event, ensure_ascii=False))
        return
    told = [terminal.one_line(str(event["data"][name])) for name in _TOLD if event["data"].get(name)]
    about = event["execution_id"]
    words = [
        out.paint(terminal.moment(event["at"], out), "dim"),
        f"{event['kind']:20}",
        "" if about is None else terminal.short_id(about, out),
        out.foreign(", ".join(told)),
    ]
    out.say("  ".join(word for word in words if word))
