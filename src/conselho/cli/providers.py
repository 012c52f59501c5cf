"""`conselho providers`: which agent CLIs can be used here, and what is missing."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cli import options, terminal
from conselho.cli.options import Place

if TYPE_CHECKING:
    from conselho.settings import Settings


@click.command(
    "providers",
    short_help="Show which agent CLIs can be used here.",
    epilog=options.example("conselho providers", "conselho providers --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.place
def command(place: Place, *, as_json: bool) -> None:
    """Show which agent CLIs are there where runs are started, and whether they look signed in.

    Only a run shows whether a key is accepted: `conselho agents try NAME`.
    """
    found = _found(place.settings())
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    out = terminal.output()
    rows = [
        [
            each["name"],
            (each["version"] or "installed") if each["installed"] else "not installed",
            terminal.one_line(each["path"]),
            " by ".join(filter(None, (each["signed_in"], each["seen_by"]))),
            terminal.one_line(each["advice"]),
        ]
        for each in found["items"]
        if each["program"] is not None
    ]
    terminal.table(("provider", "version", "path", "signed in", "what to do"), rows, out)


def _found(settings: "Settings") -> dict[str, Any]:
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    try:
        with client.reader(settings) as api:
            told: dict[str, Any] = api.get("/providers")
            return told
    except errors.NotFound:  # nothing was ever run here, so it is this machine that would run it
        from conselho.server import agent_clis  # noqa: PLC0415 - likewise

        return asyncio.run(agent_clis.find()).model_dump()
