"""What is wrong with the files of a directory, file by file?"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from conselho.analyses import excuses, isolation
from conselho.analyses.report import Report
from conselho.maintainer import attributes, imports, permitted
from conselho.maintainer.imports import Fault
from conselho.maintainer.judging import Judged, judge
from conselho.maintainer.permitted import Wishes
from conselho.maintainer.tree import Tree


@dataclass
class Survey:
    """What is known before any file is judged. `not_asked`: why ruff was asked about none."""

    tree: Tree
    requires_minor: int | None
    wishes: dict[bytes, Wishes]
    imports: dict[bytes, list[Fault]] = field(default_factory=dict)
    ruff: Path | None = None
    not_asked: str | None = None
    read: int = 0

    @property
    def here(self) -> Path:
        """The directory."""
        return self.tree.here


def begun(tree: Tree) -> Survey:
    """Look at what the project says of itself. Raises: errors.Conflict, errors.Unavailable."""
    candidates = [path for path in tree.files.files if permitted.is_candidate(path)]
    minor = excuses.required_minor(tree.peek(b"pyproject.toml"))
    survey = Survey(tree, minor, attributes.wishes(tree, candidates))
    asked = imports.asked_about(tree)
    survey.ruff = imports.program(tree.here)
    if not asked:
        survey.not_asked = "the project has no configuration of ruff's"
    elif survey.ruff is None:
        survey.not_asked = "ruff is not installed"
    else:
        survey.imports = imports.faults(survey.ruff, tree.here, asked)
    return survey


def judged(survey: Survey, report: Report, *, mending: bool) -> Iterator[tuple[bytes, Judged | None]]:
    """Each text file with what is wrong in it; None where its parser crashed. `mending`: with its imports mended.

    In groups of files of which the project wishes the same.
    """
    groups: dict[tuple[Wishes, bool], list[bytes]] = defaultdict(list)
    for path in survey.tree.files.files:
        groups[survey.wishes.get(path, Wishes()), mending and path in survey.imports].append(path)
    for (wishes, is_fixed), paths in groups.items():
        fix = partial(imports.fixed, survey.ruff, survey.here) if is_fixed and survey.ruff else None
        yield from isolation.judged(_read(survey, report, paths), partial(judge, survey.requires_minor, wishes, fix))


def _read(survey: Survey, report: Report, paths: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for file in survey.tree.readable(paths):
        report.progress(survey.read, len(survey.tree.files.files), "files read")
        survey.read += 1
        yield file
