"""How is the maintainer started, and how is it called?

Data for who starts it, as a command like any other. Nothing else of the maintainer is imported here.
"""

import sys

NAME = "maintainer"
TITLE = "Maintainer"
DESCRIPTION = (
    "Mends mechanical faults without a model: white space, line ends and imports; names what does not parse,"
    " runs the project's check and reviews what has changed."
)
TIMEOUT_SECONDS = 1800
MODULE = "conselho.maintainer"
COMMANDS = ("plan", "implement", "test", "review")


def argv(*arguments: str) -> list[str]:
    """The child process; it works in the directory it is started in.

    `-P` keeps that directory, which is the repository itself, from being searched for modules.
    """
    return [sys.executable, "-P", "-m", MODULE, *arguments]
