"""What does docs/reference/commands.md say? Every command as `--help` tells it, and what is true of all of them.

What stands in parentheses at the end of an option's line is its default, or the variable that says the same.
"""

import re
import textwrap
from collections.abc import Iterator

import click

from conselho.agents import limits
from conselho.cli import main, options

WIDTH = 120
SHARED = {"--data-dir", "--database-url", "--help"}

# A click argument has no line of its own; these are just any text.
ARGUMENTS = {
    "argv": "the program and its arguments, word by word, after `--`",
    "slug": "an agent's name; of one that is there already, its id will do as well",
    "agent": "an agent's name or id",
    "councilor": "a councilor's name or id",
    "name": "a project's name or id",
    "card": "a card's number or id",
    "title": "what is to be done, in a few words",
    "message": "what is said with the command, at most 64 KiB; `-` is stdin",
    "files": "images, or text in UTF-8",
    "attachment": "what the card calls the file, or its id",
    "project": "a project's name or id",
    "worktree": "what the list calls it",
    "path": "a directory, this one if none is named",
    "finding": "the id of a finding, or its last characters (at least 4) if it is one of the last 200",
    "file": "a backup of the database",
    "identity": "the id of a run, or its last characters (at least 4) if it is one of the newest 200",
}

_CODE_AND_MEANING = re.compile(r"([\dn+, ]+): (\D[^.]*)\.\s*")

_TOP = f"""\
# Commands

Written by `make reference` from the program itself. `conselho --help` lists the commands, and each has `--help` with an
example. What they print for programs, with `--json`, is in [json.md](json.md); what variables and files can say
instead of flags, in [settings.md](settings.md).

Options stand after their command's name and before `--`. What stands in brackets may be left out, and what an `…`
follows may be repeated.

## What all of them have in common

Answers go to stdout, everything else to stderr. What goes wrong is one sentence on stderr that says what to do.

| exit code | |
|---|---|
| 0 | done |
| {main.EXIT_FAILED} | it could not be done |
| {main.EXIT_BAD_USAGE} | it was asked for in a wrong way: nothing was done |
| {main.EXIT_INTERRUPTED} | ended by Ctrl-C |
| {main.EXIT_UNREAD} | nobody reads the output any more, `head` say |

`conselho run`, and whatever says that it does likewise, exits with the code of the run instead.

"""


def text() -> str:
    """The whole page."""
    root = click.Context(main.conselho, info_name="conselho", **main.conselho.context_settings)
    return _TOP + "\n".join(_shared(root)) + "\n" + "\n".join(_group(root)).rstrip() + "\n"


def contexts(group: click.Context) -> Iterator[click.Context]:
    """Each command below a group, with its own commands behind it."""
    command = group.command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(group):
        found = command.get_command(group, name)
        if found is not None and not found.hidden:
            below = click.Context(found, info_name=name, parent=group)
            yield below
            yield from contexts(below)


def _shared(root: click.Context) -> Iterator[str]:
    """The options that all commands take, and the commands that do not."""
    working = [each for each in contexts(root) if not isinstance(each.command, click.Group)]
    without = [f"`{each.command_path}`" for each in working if not _is_placed(each.command)]
    yield from _prose(
        f"Every command but {' and '.join(without)} works with one data directory, and takes these options after its"
        " name; `conselho` itself takes them before it."
    )
    yield from _options([each for each in root.command.get_params(root) if SHARED.intersection(each.opts)])


def _is_placed(command: click.Command) -> bool:
    """Whether it can be told where the data is."""
    return {"data_dir", "database_url"} <= {each.name for each in command.params}


def _group(group: click.Context) -> Iterator[str]:
    """A group's commands: a table of them, then each."""
    below = [each for each in contexts(group) if each.parent is group]
    if group.parent is None:
        yield from ("## Which there are", "")
    yield from ("| command | |", "|---|---|")
    for each in below:
        line = each.command.get_short_help_str(limit=WIDTH)
        yield f"| [`{each.command_path}`](#{each.command_path.replace(' ', '-')}) | {_cell(line)} |"
    yield ""
    for each in below:
        yield from _section(each)


def _section(context: click.Context) -> Iterator[str]:
    yield f"{'#' * (context.command_path.count(' ') + 1)} `{context.command_path}`"
    yield ""
    is_group = isinstance(context.command, click.Group)
    if not is_group:
        yield from ("```", _usage(context), "```", "")
    for paragraph in (context.command.help or "").split("\n\n"):
        yield from _paragraph(" ".join(paragraph.split()))
    if is_group:
        yield from _group(context)
        return
    parameters = context.command.get_params(context)
    yield from _arguments([each for each in parameters if isinstance(each, click.Argument)])
    yield from _options([each for each in parameters if not SHARED.intersection(each.opts)])
    yield from ("```sh", *_examples(context.command), "```", "")


def _usage(context: click.Context) -> str:
    pieces = context.command.collect_usage_pieces(context)
    return " ".join([context.command_path, *pieces]).replace("[ARGV]...", "[-- ARGV…]")


def _paragraph(words: str) -> Iterator[str]:
    """Prose; a paragraph of exit codes is a table."""
    codes = _CODE_AND_MEANING.findall(words)
    if codes and _CODE_AND_MEANING.sub("", words) == "":
        yield from ("| exit code | |", "|---|---|", "| the run's own | it ended by itself |")
        yield from (f"| {code.replace('+', ' + ')} | {meaning} |" for code, meaning in codes)
        yield ""
    else:
        yield from _prose(words)


def _prose(words: str) -> Iterator[str]:
    yield textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""


def _arguments(arguments: list[click.Argument]) -> Iterator[str]:
    for argument in arguments:
        about = _values(argument.type) or ARGUMENTS[argument.name or ""]
        yield f"- `{(argument.metavar or argument.name or '').upper()}`: {about}."
    if arguments:
        yield ""


def _options(parameters: list[click.Parameter]) -> Iterator[str]:
    """A table with the columns that say something."""
    rows = [_row(each) for each in parameters if isinstance(each, click.Option) and not each.hidden]
    if not rows:
        return
    table = [("option", "", "values", "default"), *rows]
    kept = [at for at in range(4) if at < 2 or any(row[at] for row in rows)]
    yield _table_row([table[0][at] for at in kept])
    yield "|" + "---|" * len(kept)
    yield from (_table_row([row[at] for at in kept]) for row in rows)
    yield ""


def _table_row(cells: list[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _row(option: click.Option) -> tuple[str, ...]:
    values = _values(option.type)
    line, default = _split(_without(option.help or "", values))
    names = ", ".join(f"`{name}{_metavar(option)}`" for name in (*option.opts, *option.secondary_opts))
    return names, _cell(line), values, _cell(default)


def _without(help_line: str, values: str) -> str:
    """An option's line without the values that have a column of their own."""
    return help_line.replace(f": {values.replace('`', '')}", "") if values else help_line


def _metavar(option: click.Option) -> str:
    if option.is_flag:
        return ""
    return f" {option.metavar or (option.name or '').upper()}"


def _split(help_line: str) -> tuple[str, str]:
    """An option's line, and its default: what stands in parentheses at its end."""
    found = re.fullmatch(r"(.*?) \(([^()]+)\)\.", help_line)
    if found is None:
        return help_line, ""
    return f"{found[1]}.", f"`{found[2]}`" if found[2].startswith("$") else found[2]


def _values(kind: click.ParamType[object]) -> str:
    """What may be said, where it is not just any text."""
    match kind:
        case click.Choice():
            return ", ".join(f"`{choice}`" for choice in kind.choices)
        case options.Text() if kind.characters_max is not None:
            return f"at most {kind.characters_max} characters"
        case options.Slug():
            most = limits.SLUG_CHARACTERS_MAX
            return f"its name: letters, digits, `_`, `.` and `-`, the first a letter or a digit, at most {most}"
        case options.Number():
            return f"{kind.min} to {kind.max}"
        case options.Duration():
            longest = f"{kind.most.days} d" if kind.most.days else f"{kind.most.total_seconds():g} s"
            return f"{kind.least.total_seconds():g} s to {longest}"
        case options.Moment():
            return "a moment, or how long ago"
        case _:
            return ""


def _examples(command: click.Command) -> list[str]:
    lines = (command.epilog or "").partition("Example:\n")[2].splitlines()
    return [line.strip() for line in lines]


def _cell(words: str) -> str:
    return words.replace("|", r"\|").replace("*", r"\*")
