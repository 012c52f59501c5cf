"""What may a councilor be given?

Each check raises errors.Invalid with one sentence that names the field and its limit.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from conselho import errors
from conselho.agents import limits

TITLE_CHARACTERS_MAX = 200
PROMPT_CHARACTERS_MAX = 10_000
AVATAR_CHARACTERS_MAX = 2_000
CONTEXT_FILES_MAX = 100
PATH_CHARACTERS_MAX = 4_096
CATCH_UP_MAX = 100  # moments that one gap may bring back
START_WINDOW_SECONDS_MIN, START_WINDOW_SECONDS_MAX = 1.0, 7 * 86400.0
JITTER_SECONDS_MAX = 3_600.0
CHANNELS = ("panel", "toast", "email")

_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})|[A-Za-z]{1,30}")
_ADDRESS = re.compile(r"""(https?://|/(?!/))[^\s"'<>`\x00-\x20\x7f-\U0010ffff]*""")


def check_name(field: str, text: str | None, *, needed: bool = True) -> None:
    """A title: one line that people read."""
    if needed and not (text or "").strip():
        raise errors.Invalid(f"{field} is missing: say what it is called")
    limits.check_text(field, text, TITLE_CHARACTERS_MAX)
    if text is not None and not text.isprintable():
        raise errors.Invalid(f"{field} must be one line without control characters")


def check_prompt(prompt: str) -> None:
    """What the councilor is to do."""
    limits.check_text("prompt", prompt)
    if not prompt.strip():
        raise errors.Invalid("the prompt is empty: say what the councilor is to do")
    if len(prompt) > PROMPT_CHARACTERS_MAX:
        raise errors.Invalid(
            f"the prompt is longer than {PROMPT_CHARACTERS_MAX:,} characters: put the rest in a context file"
        )


def check_look(avatar_url: str | None, color: str | None) -> None:
    """How it is recognised."""
    if avatar_url is not None and (len(avatar_url) > AVATAR_CHARACTERS_MAX or not _ADDRESS.fullmatch(avatar_url)):
        raise errors.Invalid(
            "avatar_url is no address of a picture: write https://… or a path, at most"
            f" {AVATAR_CHARACTERS_MAX:,} characters"
        )
    if color is not None and not _COLOR.fullmatch(color):
        raise errors.Invalid("color is none: write #rrggbb or a name as in CSS")


def check_choice(field: str, word: str, words: Sequence[str]) -> None:
    """One of a few words."""
    if word not in words:
        raise errors.Invalid(f"{field} is one of {', '.join(words)}, not {word[:50]!r}")


def check_between(field: str, number: float | None, least: float, most: float) -> None:
    """A number within its limits."""
    if number is not None and not least <= number <= most:
        raise errors.Invalid(f"{field} must lie between {least:g} and {most:g}, not {number:g}")


def check_channels(channels: Iterable[str]) -> None:
    """The ways in which people are told."""
    for channel in channels:
        check_choice("notifications.channels", channel, CHANNELS)


def within(cwd: str | None, files: Sequence[str]) -> list[str]:
    """The paths of context files, relative to the directory in which the agent runs. Looks at links on the disk.

    Raises: errors.Invalid for one outside of it.
    """
    files = list(dict.fromkeys(files))
    if len(files) > CONTEXT_FILES_MAX:
        raise errors.Invalid(f"context_files has at most {CONTEXT_FILES_MAX} paths")
    base = cwd or str(Path.home())
    real = os.path.realpath(base)
    return [_within(base, real, path) for path in files]


def _within(base: str, real: str, path: str) -> str:
    if not path.strip() or len(path) > PATH_CHARACTERS_MAX or not path.isprintable() or not limits.is_storable(path):
        raise errors.Invalid(
            f"context_files: {path[:100]!r} is no path: one line, at most {PATH_CHARACTERS_MAX:,} characters"
        )
    whole = os.path.normpath(os.path.join(base, path))  # noqa: PTH118 - Path would not take the dots away
    target = os.path.realpath(whole)
    if os.path.commonpath((real, target)) != real or target == real:
        raise errors.Invalid(
            f"context_files: {path[:100]!r} lies outside of {base}, where the agent runs: name a file below it"
        )
    lexical = os.path.relpath(whole, base)
    return os.path.relpath(target, real) if lexical.startswith("..") else lexical
