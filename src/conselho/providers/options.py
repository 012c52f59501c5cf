"""What may be asked of any agent CLI, beside its prompt and its model? Each provider maps it, or refuses it.

Nothing here is about one CLI: what a mode or a limit means there, its own provider says.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conselho import errors

MODES = ("plan", "edit", "full")
LIST_MAX = 100  # tools, or arguments
WORD_CHARACTERS_MAX = 500  # of a tool's pattern, or an argument
SYSTEM_PROMPT_BYTES_MAX = 64 * 1024
TURNS_MAX = 10_000
COST_USD_MAX = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an agent CLI is to work. What is not said is as here, which is safe with nobody there to ask.

    `plan` only reads; `edit` may change files of its directory and run the project's own checks; `full` may do anything
    that its user may, and is never asked. A CLI's own names are used for tools.
    """

    permission_mode: str = "plan"
    allowed_tools: tuple[str, ...] = ()  # beside those of the mode
    denied_tools: tuple[str, ...] = ()  # whatever else allows them
    max_turns: int | None = None
    max_cost_usd: float | None = None
    extra_args: tuple[str, ...] = ()  # of those that the provider lets through
    system_prompt: str | None = None  # added to the CLI's own
    mcp_config: str | None = None  # the absolute path of a file as this CLI has them

    def stored(self) -> dict[str, Any] | None:
        """The options that are not as by default, as plain JSON; None where there are none."""
        said = {
            each.name: list(value) if isinstance(value := getattr(self, each.name), tuple) else value
            for each in dataclasses.fields(self)
            if getattr(self, each.name) != each.default
        }
        return said or None


def of(stored: Mapping[str, Any] | None) -> Options:
    """Options as they were stored, or sent. Raises: errors.Invalid naming the field and its limit."""
    given = dict(stored or {})
    unknown = sorted(given.keys() - {each.name for each in dataclasses.fields(Options)})
    if unknown:
        raise errors.Invalid(f"options: there is no {unknown[0][:50]!r}")
    for name in ("allowed_tools", "denied_tools", "extra_args"):
        given[name] = _words(name, given.get(name) or ())
    found = Options(**{name: value for name, value in given.items() if value is not None})
    _check(found)
    return found


def _words(name: str, words: Any) -> tuple[str, ...]:
    if not isinstance(words, list | tuple) or len(words) > LIST_MAX:
        raise errors.Invalid(f"options.{name} is a list of at most {LIST_MAX} texts")
    for word in words:
        if not isinstance(word, str) or not 0 < len(word) <= WORD_CHARACTERS_MAX or not word.isprintable():
            raise errors.Invalid(f"options.{name}: each is text of 1 to {WORD_CHARACTERS_MAX} printable characters")
    return tuple(words)


def _check(options: Any) -> None:
    if options.permission_mode not in MODES:
        raise errors.Invalid(f"options.permission_mode is one of {', '.join(MODES)}")
    turns, cost = options.max_turns, options.max_cost_usd
    if turns is not None and not (type(turns) is int and 1 <= turns <= TURNS_MAX):
        raise errors.Invalid(f"options.max_turns must lie between 1 and {TURNS_MAX}")
    if cost is not None and not (type(cost) in {int, float} and 0 < cost <= COST_USD_MAX):
        raise errors.Invalid(f"options.max_cost_usd must lie above 0 and be at most {COST_USD_MAX:g}")
    text = options.system_prompt
    if text is not None and not (isinstance(text, str) and _is_storable(text)):
        raise errors.Invalid("options.system_prompt holds a NUL or half a character: send valid Unicode text")
    if text is not None and len(text.encode()) > SYSTEM_PROMPT_BYTES_MAX:
        raise errors.Invalid("options.system_prompt is longer than 64 KiB: say the rest in the prompt")
    path = options.mcp_config
    if path is not None and not (isinstance(path, str) and path.startswith("/") and path.isprintable()):
        raise errors.Invalid("options.mcp_config must be an absolute path")


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
