"""`conselho serve`: run the server until it is told to stop.

`--background` and `--ready-fd` are for commands that start one for themselves: see `background.py`.
"""

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING

import click

from conselho import errors
from conselho.cli import background, options
from conselho.cli.options import Number, Place

if TYPE_CHECKING:
    from conselho.server.serving import Announce, Greeting


@click.command(
    "serve",
    short_help="Run the server: worker, supervisor, socket.",
    epilog=options.example("conselho serve", "conselho serve --data-dir /var/lib/conselho --port 8585 --json"),
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on (127.0.0.1).")
@click.option("--port", metavar="N", type=Number(0, 65535), help="Port to listen on (8585).")
@click.option("--no-worker", is_flag=True, help="Accept and keep runs, start none.")
@click.option("--json", "as_json", is_flag=True, help="Print where it listens as JSON, once it does.")
@click.option("--background", "is_background", is_flag=True, hidden=True)
@click.option("--ready-fd", type=int, hidden=True)
@options.place
def command(
    place: Place, *, host: str | None, port: int | None, no_worker: bool, as_json: bool, is_background: bool,
    ready_fd: int | None,
) -> int:  # fmt: skip
    """Serve until Ctrl-C or TERM. Runs go on without the server and are taken up again by the next one."""
    if ready_fd is not None:
        os.set_inheritable(ready_fd, False)  # noqa: FBT003 - the name says it
    try:
        settings = place.settings(host=host, port=port)
        from conselho.server import serving  # noqa: PLC0415 - brings the whole server with it

        kind = "background" if is_background else "serve"
        return serving.serve(settings, kind, _announcer(ready_fd, as_json), no_worker=no_worker)
    except errors.ConselhoError as error:
        background.announce_ready(ready_fd, {"error": error.code, "sentence": error.sentence})
        raise


def _announcer(ready_fd: int | None, as_json: bool) -> "Announce":
    def announce(greeting: "Greeting") -> None:
        if as_json:
            print(json.dumps(dataclasses.asdict(greeting), ensure_ascii=False), flush=True)
        else:
            print(greeting.sentence, file=sys.stderr, flush=True)
        background.announce_ready(ready_fd, {"ready": os.getpid()})

    return announce
