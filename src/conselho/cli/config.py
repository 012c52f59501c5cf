"""`conselho config`: which value does each setting have here, and what said so?

The same flags, variables and file give the same answer as for `serve`. Passwords are not shown.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conselho.cli import options, terminal
from conselho.cli.options import Place

if TYPE_CHECKING:
    from conselho.settings import Traced


@click.command(
    "config",
    short_help="Show each setting and what said so.",
    epilog=options.example("conselho config", "conselho config --data-dir /var/lib/conselho --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.place
def command(place: Place, *, as_json: bool) -> None:
    """Show each setting, its value and where it came from: a flag, a variable, conselho.toml or the default."""
    from conselho import settings  # noqa: PLC0415 - see `options.Place`

    traced = settings.trace(place.overrides())
    items = _items(traced)
    if as_json:
        print(json.dumps({"items": items, "file": traced.file and str(traced.file)}, ensure_ascii=False))
        return
    out = terminal.output()
    terminal.table(("setting", "value", "from"), [_row(item, out) for item in items], out)


def _items(traced: "Traced") -> list[dict[str, Any]]:
    from conselho import settings  # noqa: PLC0415 - the same

    found = []
    for name, field in type(traced.settings).model_fields.items():
        value = settings.shown(name, getattr(traced.settings, name))
        source = traced.sources[name]
        found.append(
            {
                "name": name,
                "value": str(value) if isinstance(value, Path) else value,
                "unit": settings.unit(name),
                "from": source.kind,
                "named": source.name,
                "variable": settings.variable(name),
                "description": field.description,
            }
        )
    return found


def _row(item: dict[str, Any], out: terminal.Screen) -> list[str]:
    is_said = item["from"] != "default"
    said_by = terminal.one_line(item["named"]) if is_said else "default"
    value = "" if item["value"] is None else terminal.one_line(str(item["value"]))
    return [item["name"], value, said_by if is_said else out.paint(said_by, "dim")]
