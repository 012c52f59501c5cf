"""How much of everything may a card hold? Each check raises errors.Invalid with one sentence that names the limit."""

from collections.abc import Mapping

from conselho import errors, names
from conselho.cards.columns import Command
from conselho.executions import request

TITLE_CHARACTERS_MAX = 255
DESCRIPTION_BYTES_MAX = 100 * 1024
PLAN_BYTES_MAX = 200 * 1024  # a prompt has room for it beside the description
MESSAGE_BYTES_MAX = 64 * 1024
AGENT_CHARACTERS_MAX = 100
ATTACHMENTS_MAX = 20  # of a card
ATTACHMENT_BYTES_MAX = 10 * 1024 * 1024
FILE_TOO_LARGE = "the file is larger than 10 MiB: attach a part of it"
COLUMN_CARDS_MAX = 1_000_000  # far more than anybody has; positions have room for them


def check_title(title: str) -> None:
    """What a card is called."""
    if not title.strip():
        raise errors.Invalid("title is empty: say in a few words what is to be done")
    names.check_text("title", title, TITLE_CHARACTERS_MAX)


def check_body(name: str, text: str | None, bytes_max: int) -> None:
    """A longer text."""
    names.check_text(name, text)
    if len((text or "").encode()) > bytes_max:
        raise errors.Invalid(f"{name} is longer than {bytes_max // 1024} KiB: attach the rest, or shorten it")


def check_priority(priority: int) -> None:
    """How its runs are preferred to others."""
    most = request.PRIORITY_MAX
    if not -most <= priority <= most:
        raise errors.Invalid(f"priority must lie between -{most} and {most}")


def check_agents(agents: Mapping[str, str]) -> None:
    """Who is given which command, by its word."""
    known = [each.word for each in Command]
    for word in agents:
        if word not in known:
            raise errors.Invalid(f"agents: {word[:50]!r} is no command: it is one of {', '.join(known)}")


def command(text: str) -> Command:
    """The command that is named, with its slash or without. Raises: errors.Invalid."""
    try:
        return Command(text if text.startswith("/") else f"/{text}")
    except ValueError:
        known = ", ".join(Command)
        raise errors.Invalid(f"command: {text[:50]!r} is none: it is one of {known}") from None
