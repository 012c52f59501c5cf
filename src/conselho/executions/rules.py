"""Which lines of a log decide its severity, because a councilor says so?

A rule is `{"pattern", "severity", "summary"?}`. Its pattern is RE2's, which takes linear time whatever it says and
whatever it is matched with, so that nobody stops a worker with one. What RE2 lacks for that, backreferences and looking
around, is refused when the rule is written.

Surprising: linear is not fast. `x.{0,500}y` takes 10 ms for a line of 2,000 characters, so all rules of a councilor
together may have 10,000 of RE2's instructions: some seconds for 200 lines, if these are as long as they can be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from conselho import errors
from conselho.agents import limits
from conselho.executions.severity import Severity

RULES_MAX = 50
PATTERN_CHARACTERS_MAX = 1000
SUMMARY_CHARACTERS_MAX = 200
MEMORY_BYTES_MAX = 1024 * 1024  # of one compiled pattern; with `.{1000}` twice in it one needs more, and is refused
INSTRUCTIONS_MAX = 10_000  # of all rules together; an ordinary one has 10 to 200, one with any letter 1,200
SHOWN_CHARACTERS = 100  # of a pattern, in a sentence

_NAMES = {"pattern", "severity", "summary"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be matched. `number` counts from 1, as people do."""

    number: int
    pattern: str
    severity: Severity
    summary: str | None
    _compiled: Any

    @property
    def instructions(self) -> int:
        """What a match costs at worst, for each character."""
        return int(self._compiled._regexp.ProgramSize())

    def matches(self, line: str) -> bool:
        """Whether the pattern is found anywhere in the line."""
        return self._compiled.search(line) is not None


def checked(rules: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    """The rules as they are stored.

    Raises: errors.Invalid with one sentence that names the rule, counting from 0, and its field.
    """
    if len(rules) > RULES_MAX:
        raise errors.Invalid(f"severity_rules: there are at most {RULES_MAX}, not {len(rules)}")
    room = INSTRUCTIONS_MAX
    for place, rule in enumerate(rules):
        try:
            room -= _fitting(place + 1, rule, room).instructions
        except ValueError as error:
            raise errors.Invalid(f"severity_rules[{place}]{error}") from error
    return tuple({name: str(rule[name]) for name in sorted(_NAMES) if rule.get(name) is not None} for rule in rules)


def usable(rules: Iterable[Mapping[str, Any]]) -> tuple[list[Rule], list[str]]:
    """The rules of a run, and a note about each that cannot be used any more: none of these fails the run."""
    found: list[Rule] = []
    notes: list[str] = []
    room = INSTRUCTIONS_MAX
    for number, rule in enumerate(rules, start=1):
        try:
            fitting = _fitting(number, rule, room)
            found.append(fitting)
            room -= fitting.instructions
        except ValueError as error:
            notes.append(f"rule {number} was left out: {str(error).lstrip('.')}")
    return found, notes


def _fitting(number: int, rule: Mapping[str, Any], room: int) -> Rule:
    found = _compiled(number, rule)
    if found.instructions > room:
        raise ValueError(
            ".pattern: it takes too long, with those before it: repeat less than in {0,500}, or have fewer"
        )
    return found


def _compiled(number: int, rule: Mapping[str, Any]) -> Rule:
    """Raises: ValueError with the field and what is wrong with it."""
    if strange := sorted(set(rule) - _NAMES):
        raise ValueError(f".{strange[0][:50]}: a rule has a pattern, a severity and perhaps a summary, nothing else")
    severity, summary = rule.get("severity"), rule.get("summary")
    if not isinstance(severity, str) or severity not in set(Severity):
        raise ValueError(".severity: it must be success, warning or error")
    if summary is not None:
        _check_text("summary", summary, SUMMARY_CHARACTERS_MAX)
    pattern = rule.get("pattern")
    _check_text("pattern", pattern, PATTERN_CHARACTERS_MAX)
    return Rule(number, str(pattern), Severity(severity), summary or None, _regexp(str(pattern)))


def _check_text(name: str, text: object, characters_max: int) -> None:
    if not isinstance(text, str) or not (name == "summary" or text) or len(text) > characters_max:
        raise ValueError(f".{name}: it must be text of 1 to {characters_max:,} characters")
    if not limits.is_storable(text):
        raise ValueError(f".{name}: it holds a NUL or half a character: send valid Unicode text")


def _regexp(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY_BYTES_MAX
    options.log_errors = False  # else RE2 itself writes to stderr
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "no reason given"
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        shown = pattern if len(pattern) <= SHOWN_CHARACTERS else f"{pattern[:SHOWN_CHARACTERS]}…"
        raise ValueError(f".pattern: RE2 refuses {shown}: {words}") from error
