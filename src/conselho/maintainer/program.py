"""How does the maintainer start and end?

Which of its commands it is, its argument says, else `CONSELHO_COMMAND`, as it is set for runs of cards. It works in its
working directory. What it is asked on stdin is read and means nothing to it.

Exit 0: the command was done, whatever it found. 1: it could not work. 2: bad usage. One sentence on stderr says what to
do.
"""

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from conselho import errors
from conselho.analyses.report import Report, make_stdout_safe
from conselho.analyses.text import counted, shown
from conselho.maintainer import check, implement, plan, review, start, tree
from conselho.maintainer.tree import Tree

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
EXIT_TERMINATED = 143

PROMPT_SECONDS_MAX = 2.0
"""Without a byte of the prompt: whoever started us has forgotten to close its end."""

EXAMPLES = """\
examples:
  {start} plan
  CONSELHO_COMMAND=/implement {start}
  {start} test --check make test
  CONSELHO_BASE=main {start} review
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it as a program."""
    make_stdout_safe()
    signal.signal(signal.SIGTERM, _terminated)
    options = _options(argv)
    try:
        _drain(sys.stdin.fileno() if sys.stdin else None)
        report = Report(start.NAME)
        report.close(_done(options, report))
    except errors.ConselhoError as refused:
        print(f"{start.NAME}: {shown(refused.sentence)}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # Python would complain about it once more when it flushes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NO_READER
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    called = f"python -P -m {start.MODULE}"
    parser = argparse.ArgumentParser(
        prog=called,
        description=f"{start.DESCRIPTION} It works in the current directory.",
        epilog=EXAMPLES.format(start=called),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=start.COMMANDS,
        help="what to do (default: what CONSELHO_COMMAND says, as /plan)",
    )
    parser.add_argument(
        "--check",
        nargs=argparse.REMAINDER,
        metavar="ARGV",
        help="the command that test runs, word by word to the end of the line (default: CONSELHO_CHECK, a JSON array)",
    )
    options = parser.parse_args(argv)
    options.command = options.command or _command(parser)
    options.check = (
        _check(parser) if options.check is None else options.check or parser.error("--check: name a command")
    )
    return options


def _command(parser: argparse.ArgumentParser) -> str:
    asked = os.environ.get("CONSELHO_COMMAND", "")
    if asked.removeprefix("/") not in start.COMMANDS:
        said = f"CONSELHO_COMMAND is {shown(asked, 40)!r}" if asked else "CONSELHO_COMMAND is not set"
        parser.error(f"say what to do: {', '.join(start.COMMANDS)} ({said})")
    return asked.removeprefix("/")


def _check(parser: argparse.ArgumentParser) -> list[str] | None:
    text = os.environ.get("CONSELHO_CHECK")
    if not text:
        return None
    try:
        argv = json.loads(text)
    except (ValueError, RecursionError):
        argv = None
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        parser.error('CONSELHO_CHECK is no JSON array of words, as ["make", "test"]')
    return argv


def _drain(stdin: int | None) -> None:
    """Read what we are asked, so that whoever asks can write it all; it is for agents that understand it."""
    if stdin is None or os.isatty(stdin):
        return
    while select.select([stdin], [], [], PROMPT_SECONDS_MAX)[0] and os.read(stdin, 1 << 16):
        pass


def _done(options: argparse.Namespace, report: Report) -> str:
    if options.command == "test" and options.check:
        return check.run(options.check, report)
    opened = tree.opened(Path.cwd())
    command, base = options.command, os.environ.get("CONSELHO_BASE") or None
    commands: dict[str, Callable[[Tree, Report], str]] = {
        "plan": plan.plan,
        "implement": implement.implement,
        "test": check.parse,
        "review": lambda here, told: review.review(here, base, told),
    }
    where = "in a repository" if opened.git else "in no repository"
    report.say(f"{start.TITLE} · {command} · {counted(len(opened.files.files), 'file')} {where}")
    return commands[command](opened, report)


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)  # and not at once, so that no half-written file is left
