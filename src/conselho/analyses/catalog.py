"""Which analyses are there, and how is each started?

Data for who starts them: the demo and the templates of the council. Nothing of the analyses is imported
here.
"""

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Analysis:
    """One program: `name` is its module in this package and its slug."""

    name: str
    title: str
    description: str
    timeout_seconds: int

    def argv(self, path: str | os.PathLike[str]) -> list[str]:
        """The child process that analyses `path`.

        `-P` keeps the working directory, which may be the repository itself, from being searched for modules.
        """
        return [sys.executable, "-P", "-m", module(self.name), os.path.abspath(path)]  # noqa: PTH100 - no resolving


ALL = (
    Analysis(
        name="monolithic_files",
        title="Monolithic files",
        description="Finds files and functions that are too long to be understood at one sitting.",
        timeout_seconds=300,
    ),
    Analysis(
        name="debt_markers",
        title="Debt markers",
        description="Lists TODO, FIXME, HACK and XXX in comments with age and author, the oldest first.",
        timeout_seconds=300,
    ),
    Analysis(
        name="hot_spots",
        title="Hot spots",
        description="Ranks the files that change most often, weighted with size, and names who changes them.",
        timeout_seconds=300,
    ),
    Analysis(
        name="broken_windows",
        title="Broken windows",
        description="Finds Python, JSON, TOML and YAML that do not parse, and merge conflicts left in files.",
        timeout_seconds=300,
    ),
)


def find(name: str) -> Analysis:
    """Raises: KeyError for a name that is not in the catalog."""
    for analysis in ALL:
        if analysis.name == name:
            return analysis
    raise KeyError(name)


def module(name: str) -> str:
    """What `python -m` runs."""
    return f"conselho.analyses.{name}"
