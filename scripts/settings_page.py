"""What does docs/reference/settings.md say? Each setting, what it is by default, and who may say otherwise."""

import re
from collections.abc import Iterator

import annotated_types
import click
import commands_page
from pydantic.fields import FieldInfo

from conselho import settings
from conselho.cli import main
from conselho.settings import Settings

# Defaults that are found out on each machine, and what no bound of a field can say.
MADE = {"data_dir": "the platform's place for a user's data: `~/.local/share/conselho` on Linux"}
ONLY = {
    "data_dir": "no question mark in it",
    "database_url": "`postgresql://USER@HOST/NAME` or `sqlite:///PATH`",
    "host": "a loopback address: `127.0.0.1` or `::1`",
}
NOT_IN_FILE = {"data_dir"}  # the file lies in it

_TOP = """\
# Settings

Written by `make reference` from the program itself. Each setting may come from, the first that says something:

1. a flag of the command, where it has one: see [commands.md](commands.md);
2. its variable; or, for secrets, the file that the variable with `_FILE` behind its name leads to, as
   `CONSELHO_DATABASE_URL_FILE` does; not both;
3. `conselho.toml` in the data directory, or the file that `CONSELHO_CONFIG` names;
4. its default.

`conselho.toml` has a setting a line, by its name: `seats = 8`. An unknown name, a value outside of what is allowed and
a file that cannot be read are errors: a misspelt limit would silently not hold. `conselho config` shows the value of
each and what said so, passwords hidden. A server reads them when it starts.

"""


def text() -> str:
    """The whole page."""
    flags = _flags()
    fields = Settings.model_fields.items()
    return _TOP + "\n".join("\n".join(_section(name, field, flags.get(name, {}))) for name, field in fields)


def _section(name: str, field: FieldInfo, flags: dict[str, list[str]]) -> Iterator[str]:
    yield f"## `{name}`"
    yield ""
    yield _sentence(field.description or "")
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| default | {_default(name, field)} |"
    if limits := " ".join(filter(None, (_limits(name, field), ONLY.get(name)))):
        yield f"| limits | {limits} |"
    by = [f"`{flag}` of {', '.join(commands)}" for flag, commands in flags.items()]
    by += [f"`{settings.variable(name)}`", *(["`conselho.toml`"] if name not in NOT_IN_FILE else [])]
    yield f"| set by | {'; '.join(by)} |"
    yield ""


def _flags() -> dict[str, dict[str, list[str]]]:
    """By setting: the flags that say it, and the commands that have them."""
    root = click.Context(main.conselho, info_name="conselho")
    working = [each for each in commands_page.contexts(root) if not isinstance(each.command, click.Group)]
    found: dict[str, dict[str, list[str]]] = {}
    for context in working:
        for option in context.command.params:
            if isinstance(option, click.Option) and option.name in Settings.model_fields:
                found.setdefault(option.name, {}).setdefault(option.opts[0], []).append(f"`{context.command_path}`")
    return {name: {flag: _named(each, working) for flag, each in flags.items()} for name, flags in found.items()}


def _named(commands: list[str], working: list[click.Context]) -> list[str]:
    others = [f"`{each.command_path}`" for each in working if f"`{each.command_path}`" not in commands]
    return [f"every command but {' and '.join(others)}"] if len(others) < len(commands) else commands


def _default(name: str, field: FieldInfo) -> str:
    """A default that depends on the machine is told in words."""
    if field.default_factory is not None:
        return MADE[name]
    return "none" if field.default is None else _value(name, field.default)


def _value(name: str, value: object) -> str:
    unit = settings.unit(name)
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,.10g}" if unit == "seconds" else f"{value:,}" if unit else f"{value}"


def _limits(name: str, field: FieldInfo) -> str:
    least = most = None
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge():
                least = bound.ge
            case annotated_types.Le():
                most = bound.le
            case annotated_types.MaxLen():
                return f"at most {bound.max_length} characters"
            case _ if found := re.fullmatch(r"\^\(([\w|]+)\)\$", getattr(bound, "pattern", None) or ""):
                return ", ".join(f"`{word}`" for word in found[1].split("|"))
    return "" if least is None else f"{_value(name, least)} to {_value(name, most)}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
