"""What does a project itself say that a command asks for? A file of it, as the user has committed it.

Of a repository it is read from the commit at which the card's branch began: what an agent has written since instructs
nobody. A front matter, in which other programs keep their settings, is left out.
"""

from pathlib import Path

from conselho import errors
from conselho.cards.columns import Command
from conselho.projects import files

BYTES_MAX = 64 * 1024
PLACES = (".conselho/commands", ".claude/commands")  # the first that has it counts
_FENCE = "---"


def find(project: Path, command: Command, base: str | None) -> str | None:
    """The text of the first file there is, None where there is none. `base`: a commit, None for a plain directory.

    Raises: errors.Conflict for one that is too long, or no text; errors.Unavailable.
    """
    for place in PLACES:
        path = f"{place}/{command.word}.md"
        if base is None:
            content = files.plain(project, path, BYTES_MAX)
        else:
            content = files.committed(project, base, path, BYTES_MAX)
        if content is not None:
            return _body(path, content)
    return None


def _body(path: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise errors.Conflict(f"{path} of the project is no UTF-8: mend it") from None
    if "\0" in text:
        raise errors.Conflict(f"{path} of the project is no text: mend it")
    lines = text.splitlines()
    if lines and lines[0].strip() == _FENCE:
        end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
        if end is not None:
            lines = lines[end + 1 :]
    return "\n".join(lines).strip()
