"""What does the demo show a card's work on, where the user's repository has nothing to mend? On a small one of its own.

Made below the demo's data, and called what it is: a few files with the faults that the maintainer mends.
"""

from pathlib import Path

from conselho.projects import places
from conselho.projects.git import Git

_FILES = {
    "README.md": "# Practice\n\nMade by `conselho demo`: these files have faults put in, for a card to mend.",
    "prices.py": (
        "import sys\nimport json\nimport decimal   \n\n\n"
        "def total(prices: list[str]) -> decimal.Decimal:\n"
        '    """The sum of prices."""  \n'
        "    return sum(map(decimal.Decimal, prices), decimal.Decimal())\n\n\n\n"
    ),
    "shop.json": '{"prices": ["1.20", "3.40"]}\n\n\n',
    "notes.txt": "One line ends so,\r\nanother so,\nand this one with blanks.   \n",
}


def repository(data_dir: Path) -> Path:
    """The repository; made where it is not there. Raises: errors.Conflict, errors.Unavailable; OSError."""
    place = data_dir.resolve() / places.PRACTICE
    git = Git(place / ".git", place)
    if not git.directory.exists():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in _FILES.items():
            (place / name).write_bytes(text.encode())
        git.run("init", "--quiet", "--initial-branch", "main")
        git.run("add", "--all")
        git.run("commit", "--quiet", "--no-verify", "--message", "Put faults in")
    return place
