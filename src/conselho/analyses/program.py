"""How does every analysis start and end?

Exit 0: the analysis was made, whatever it found. 1: git failed halfway. 2: this path cannot be analysed, or
bad usage. 127: git is missing (as a shell says "command not found"). One sentence on stderr says what to
do.

Started with `-m` alone, Python looks for modules in the working directory first, where a hostile repository
could have put its own `json.py`: start an analysis with `-P`, as the catalog does.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conselho.analyses import catalog, git, repository
from conselho.analyses.report import Report, left_out, make_stdout_safe
from conselho.analyses.repository import Repository
from conselho.analyses.text import counted, shown

EXIT_GIT_FAILED = 1
EXIT_UNUSABLE = 2
EXIT_GIT_MISSING = 127
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141


@dataclass(frozen=True)
class Work:
    """What an analysis is given."""

    options: argparse.Namespace
    repository: Repository
    report: Report


def parser(name: str, example: str) -> argparse.ArgumentParser:
    """The options every analysis has; `example` is a line of arguments that means something."""
    known = catalog.find(name)
    made = argparse.ArgumentParser(
        prog=f"python -P -m {catalog.module(name)}",
        description=known.description,
        epilog=f"example: python -P -m {catalog.module(name)} {example}",
    )
    made.add_argument(
        "path",
        nargs="?",
        default=".",
        metavar="PATH",
        help="a git repository or a folder in one (default: the working directory)",
    )
    made.set_defaults(name=name)
    return made


def natural(text: str) -> int:
    """An option's value: a whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def run(made: argparse.ArgumentParser, analyse: Callable[[Work], str], argv: Sequence[str] | None = None) -> int:
    """Parse the arguments, open the repository, analyse, print the verdict. `analyse` returns the summary."""
    make_stdout_safe()
    options = made.parse_args(argv)
    try:
        _analyse(options, analyse)
    except repository.UnusableError as refused:
        return _refuse(options, str(refused), EXIT_UNUSABLE)
    except git.GitMissingError as missing:
        return _refuse(options, str(missing), EXIT_GIT_MISSING)
    except git.GitFailedError as failed:
        return _refuse(options, f"{failed}: try the same git command by hand", EXIT_GIT_FAILED)
    except BrokenPipeError:
        # Python would complain about it once more when it flushes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NO_READER
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _analyse(options: argparse.Namespace, analyse: Callable[[Work], str]) -> None:
    opened = repository.open_at(options.path)
    report = Report(options.name)
    title = catalog.find(options.name).title
    where = shown(opened.root / os.fsdecode(opened.below))
    report.say(f"{title} · {where} · {counted(len(opened.files), 'tracked file')}")
    summary = analyse(Work(options, opened, report))
    if opened.left_out:
        report.say(f"Left out: {left_out(opened.left_out)}.")
    report.close(summary)


def _refuse(options: argparse.Namespace, sentence: str, code: int) -> int:
    print(f"{options.name}: {sentence}", file=sys.stderr)
    return code
