"""What does `conselho` understand, and how does it end?

Commands are imported when they are called: help and the short commands must not wait for what only a server needs.
Whatever goes wrong is one sentence on stderr: exit 2 when the request was wrong, 1 otherwise.
"""

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from conselho import errors
from conselho.cli import options, streams
from conselho.cli.groups import Group

EXIT_FAILED = 1
EXIT_BAD_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
EXIT_UNREAD = 141  # 128 + SIGPIPE

# Name, module below conselho.cli, and the line `--help` shows without importing it.
_COMMANDS = (
    ("run", "run", "Run a command, show its log, exit with its code."),
    ("executions", "executions", "List, show, cancel and retry runs."),
    ("events", "events", "Print what happened, and what happens."),
    ("agents", "agents", "Define what runs under a name, and try it."),
    ("councilors", "councilors", "Give agents tasks on a schedule, and see how they stand."),
    ("cards", "cards", "Put what is to be done on a board, and have agents do it."),
    ("projects", "projects", "Name the directories that cards are worked on in."),
    ("providers", "providers", "Show which agent CLIs can be used here."),
    ("serve", "serve", "Run the server: worker, supervisor, socket."),
    ("demo", "demo", "Run real analyses over a git repository."),
    ("db", "db", "Upgrade, check, back up or restore the database."),
    ("config", "config", "Show each setting and what said so."),
    ("doctor", "doctor", "Say what this machine has, lacks, and what that means."),
    ("completion", "completion", "Print what makes a shell complete our commands."),
)


class _Commands(Group):
    """Knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name, _, _ in _COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for name, module, _ in _COMMANDS:
            if name == cmd_name:
                command: click.Command = importlib.import_module(f"conselho.cli.{module}").command
                return command
        return None

    def lines(self, ctx: click.Context) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(name, line) for name, _, line in _COMMANDS]


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import version  # noqa: PLC0415 - reads files

    click.echo(f"conselho {version('conselho')}")
    context.exit()


@click.group(
    cls=_Commands,
    epilog=options.example("conselho run -- make test", "conselho executions list --status failed"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@options.place
@click.pass_context
def conselho(context: click.Context, place: options.Place) -> None:
    """Run AI agents and other commands, and keep what happened."""
    context.obj = place


def main() -> None:
    """The program: never returns."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as it stands while the program is read from disk
            signal.signal(signal.SIGINT, signal.default_int_handler)
        streams.stand_up()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
    except streams.Unwritable as error:
        streams.give_up(sys.stderr if error.called == streams.MESSAGES else sys.stdout)
        return EXIT_UNREAD if error.is_unread else _refuse(error.sentence, EXIT_FAILED)
    return code


def _run(arguments: list[str]) -> int:
    try:
        returned: Any = conselho.main(arguments, prog_name="conselho", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_BAD_USAGE
    except click.UsageError as error:
        return _refuse(_usage_sentence(error), EXIT_BAD_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        return _refuse(error.format_message(), error.exit_code)
    except streams.Unwritable:
        raise
    except errors.ConselhoError as error:
        return _refuse(error.sentence, EXIT_BAD_USAGE if isinstance(error, errors.Invalid) else EXIT_FAILED)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _refuse(f"{(error.strerror or str(error)).lower()}{where}", EXIT_FAILED)
    return returned if isinstance(returned, int) else 0


def _usage_sentence(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    return f"{message} (see `{error.ctx.command_path} --help`)" if error.ctx else message


def _refuse(sentence: str, code: int) -> int:
    from conselho.cli import terminal  # noqa: PLC0415 - only when something is to be said

    screen = terminal.messages()
    screen.say(f"{screen.paint('conselho:', 'red')} {screen.foreign(sentence)}")
    return code
