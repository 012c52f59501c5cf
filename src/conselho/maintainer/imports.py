"""Which imports are unsorted or unused? Where the project asks ruff that, ruff is asked.

Only files below a configuration of ruff's that is the project's own, and only what it has switched on there: how
imports are to be sorted is a matter of taste. A configuration names files and rules but no program, so it can run
nothing. ruff is never let at the files themselves: what it would write comes out of a pipe.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conselho.analyses import formats, languages
from conselho.maintainer.tree import Tree
from conselho.maintainer.whitespace import Kind

SECONDS_MAX = 120.0
"""For one batch; a thousand files take a second."""

FIX_SECONDS_MAX = 15.0
"""Of one file, less than `analyses/isolation.py` gives to a file."""

BATCH_FILES = 500
FAULTS_MAX = 5000
REPORT_BYTES_MAX = 1 << 20
"""Of one line of its report."""

_KINDS = {"I001": Kind.UNSORTED_IMPORTS, "F401": Kind.UNUSED_IMPORTS}
_ALWAYS = ("check", "--no-cache", "--force-exclude", "--no-unsafe-fixes", "--quiet")
_CONFIGURATIONS = (b"ruff.toml", b".ruff.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """One place with imports that ruff would mend."""

    kind: Kind
    line: int
    what: str


def program(here: Path) -> Path | None:
    """ruff: beside the interpreter, which is trusted already, else on PATH, but then not from the directory itself."""
    beside = Path(sys.executable).with_name("ruff")
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("ruff")
    if found is None or not os.path.isabs(found):  # noqa: PTH117 - as PATH says it, unresolved
        return None
    return None if Path(found).resolve().is_relative_to(here) else Path(found)


def asked_about(tree: Tree) -> list[bytes]:
    """The Python files for which the project has a configuration of ruff's."""
    folders = {path[: len(path) - len(languages.name(path))] for path in tree.files.files if _configures(tree, path)}
    return [
        path
        for path in tree.files.files
        if languages.suffix(path) in formats.PYTHON_SUFFIXES
        and not languages.is_foreign(path)
        and any(path.startswith(folder) for folder in folders)
        and _is_utf8(path)
    ]


def faults(ruff: Path, here: Path, paths: Sequence[bytes]) -> dict[bytes, list[Fault]]:
    """What ruff would mend in these files, `FAULTS_MAX` at most; nothing where it cannot be run."""
    found: dict[bytes, list[Fault]] = {}
    count = 0
    for start in range(0, len(paths), BATCH_FILES):
        batch = [b"./" + path for path in paths[start : start + BATCH_FILES]]
        for path, fault in _read(here, _reported(ruff, here, batch)):
            found.setdefault(path, []).append(fault)
            count += 1
            if count == FAULTS_MAX:
                return found
    return found


def fixed(ruff: Path, here: Path, path: bytes, source: bytes) -> bytes | None:
    """The source with its imports sorted and the unused ones gone; None where ruff says no."""
    only = ("--fix-only", "--fixable", ",".join(_KINDS), "--stdin-filename", b"./" + path, "-")
    try:
        done = subprocess.run(
            [ruff, *_ALWAYS, *only],
            cwd=here,
            env=_environment(),
            input=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=FIX_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None


def _configures(tree: Tree, path: bytes) -> bool:
    name = languages.name(path)
    if name in _CONFIGURATIONS:
        return True
    if name != b"pyproject.toml":
        return False
    try:
        return "ruff" in tomllib.loads(tree.peek(path).decode()).get("tool", {})
    except (ValueError, RecursionError, TypeError):
        return False


def _reported(ruff: Path, here: Path, paths: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of ruff's report, as they come: a project may have switched on rules that report a great deal."""
    argv: list[str | bytes | Path] = [
        ruff,
        *_ALWAYS,
        "--no-fix",
        "--no-fix-only",
        "--exit-zero",
        "--output-format",
        "json-lines",
        "--",
        *paths,
    ]
    try:
        process = subprocess.Popen(
            argv,
            cwd=here,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return
    deadline = threading.Timer(SECONDS_MAX, process.kill)
    deadline.daemon = True
    with process:
        deadline.start()
        try:
            assert process.stdout is not None  # noqa: S101 - asked for with PIPE above
            while line := process.stdout.readline(REPORT_BYTES_MAX):
                yield line
        finally:
            deadline.cancel()
            process.kill()


def _read(here: Path, lines: Iterable[bytes]) -> Iterator[tuple[bytes, Fault]]:
    for line in lines:
        try:
            told = json.loads(line)
            kind = _KINDS.get(told["code"])
            if kind is None or not told["fix"] or told["fix"]["applicability"] != "safe":
                continue
            path = os.fsencode(os.path.relpath(told["filename"], here))
            yield path, Fault(kind, int(told["location"]["row"]), str(told["message"]))
        except (ValueError, KeyError, TypeError):
            continue  # of a line that was cut, or of another ruff than the one we know


def _environment() -> dict[str, str]:
    """Ours, without what would tell ruff more than the project's configuration does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RUFF_")}


def _is_utf8(path: bytes) -> bool:
    """Whether the name can stand in a report."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
