"""`conselho db`: bring the database up to this program, or say whether it is.

Both hold the data directory's lock for a moment: nobody may be writing while tables change.
"""

import json

import click

from conselho.cli import options
from conselho.cli.groups import Group
from conselho.cli.options import Place


@click.group(
    "db", cls=Group, short_help="Upgrade or check the database.", epilog=options.example("conselho db upgrade")
)
def command() -> None:
    """Upgrade or check the database."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
