"""What does a `VERDICT:` line say, and when is it one?

The line is the word, a colon and one JSON object; spaces, and Markdown's asterisks, underscores and backticks around
it, are tolerated, text after it is not. `severity` must be there and be one of three words: what is not is malformed
and decides nothing. Everything else is taken as far as it is good: a finding with a bad line number loses the number,
one without a title is left out, what is too long is cut - and each of these is said in the notes.

An agent may be told by a file that it reads to print such a line; what stands in it is shown to people and stored, so
it is bounded and without control characters here.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from conselho.executions.severity import Severity

ASKED_FOR = """\
End with one last line, on its own, exactly in this form:
VERDICT: {"severity": "success|warning|error", "summary": "one sentence", "findings": [{"key": "stable-name", "title": \
"what it is", "severity": "warning|error", "file": "path", "line": 1}]}
`severity` is one of the three words; `findings` lists everything that is to be mended, and is [] where nothing is. \
Give a finding the same `key` in every run, so that it is recognised."""
"""How a prompt asks for it."""

LINE_LENGTH_MAX = 256 * 1024
"""Characters of a line that is parsed: 1,000 findings of ordinary length."""

FINDINGS_MAX = 1000
"""Nobody reads more, and they are stored with the run."""

SUMMARY_LENGTH_MAX = 1000
TITLE_LENGTH_MAX = 500
"""Characters; what is longer is cut, with an ellipsis."""

FILE_LENGTH_MAX = 4096
"""Characters, as long as a path may be. A longer one is left out, for a path that was cut is another path."""

KEY_LENGTH_MAX = 300
"""Characters. A longer one is left out: two keys that were cut could become one."""

LINE_NUMBER_MAX = 2**31 - 1
"""What an integer column holds."""

_OPENING = re.compile(r"[\s*_`]*VERDICT[*_`]*\s*:")
_AROUND = " \t\r\n*_`"
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
# Lone surrogates can be stored nowhere; the bidirectional controls make a line read as what it is not.
_UNSHOWABLE = dict.fromkeys((*range(0xD800, 0xE000), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_CLEAN = _CONTROL | _UNSHOWABLE


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an agent found. `key` names it across runs, so that a new one can be told from an old one."""

    title: str
    severity: Severity
    file: str | None = None
    line: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a well-formed line says. `notes`: what had to be cut or left out.

    `names_all`: whether what its findings do not name was not found. Not so where one of them was left out, nor where
    a warning or an error comes without any list of them.
    """

    severity: Severity
    summary: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    names_all: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that wanted to be a verdict, and why it is none."""

    reason: str


def read(line: str) -> Claim | Malformed | None:
    """Read one line of a log. None: it does not begin with `VERDICT:`."""
    if "VERDICT" not in line[:200]:  # nearly every line leaves here; nobody indents further
        return None
    line = _COLOUR.sub("", line)
    opening = _OPENING.match(line)
    if opening is None:
        return None
    if len(line) > LINE_LENGTH_MAX:
        return Malformed(f"longer than {LINE_LENGTH_MAX:,} characters")
    try:
        return _claim(_parse(line[opening.end() :].strip(_AROUND)))
    except RecursionError:
        return Malformed("nested too deeply")
    except ValueError as error:
        return Malformed(one_line(str(error), 200))


def one_line(text: str, length_max: int) -> str:
    """Text as one line that can be stored and shown anywhere: no control characters, no runs of space, cut to fit."""
    # Twice the length is enough to fill the line in every sane case, and keeps 32 MB from being copied three times.
    text = " ".join(_COLOUR.sub("", text.strip()[: 2 * length_max + 200]).translate(_CLEAN).split())
    return text if len(text) <= length_max else text[: length_max - 1].rstrip() + "…"


def _parse(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        raise ValueError("not a JSON object")
    try:
        said: dict[str, Any] = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from error
    return said


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that comes twice says two things, and which was meant nobody knows."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _claim(said: dict[str, Any]) -> Claim:
    severity = _severity(said.get("severity"))
    if severity is None:
        raise ValueError("severity must be success, warning or error")
    notes: Counter[str] = Counter()
    summary = _text(said, "summary", SUMMARY_LENGTH_MAX, notes) or ""
    findings = _findings(said.get("findings"), severity, notes)
    told = tuple(f"{note} ({count:,})" for note, count in notes.items())
    return Claim(severity, summary, findings, told, _names_all(said.get("findings"), findings, severity))


def _names_all(listed: object, taken: tuple[Finding, ...], severity: Severity) -> bool:
    if listed is None:
        return severity is Severity.SUCCESS
    return isinstance(listed, list) and len(listed) == len(taken)


def _severity(value: object) -> Severity | None:
    return Severity(value) if isinstance(value, str) and value in set(Severity) else None


def _findings(listed: object, severity: Severity, notes: Counter[str]) -> tuple[Finding, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list):
        notes["findings that are no list were left out"] += 1
        return ()
    if len(listed) > FINDINGS_MAX:
        notes[f"findings past {FINDINGS_MAX:,} were left out"] += len(listed) - FINDINGS_MAX
    taken = (_finding(item, severity, notes) for item in listed[:FINDINGS_MAX])
    return tuple(finding for finding in taken if finding is not None)


def _finding(item: object, severity: Severity, notes: Counter[str]) -> Finding | None:
    title = _text(item, "title", TITLE_LENGTH_MAX, notes) if isinstance(item, dict) else None
    if not isinstance(item, dict) or not title:
        notes["findings without a title were left out"] += 1
        return None
    own = _severity(item.get("severity"))
    if own is None:
        notes["findings without a severity of their own took the verdict's"] += 1
    return Finding(
        title=title,
        severity=own or severity,
        file=_name(item, "file", FILE_LENGTH_MAX, notes),
        line=_line_number(item, notes),
        key=_name(item, "key", KEY_LENGTH_MAX, notes),
    )


def _text(said: dict[str, Any], field: str, length_max: int, notes: Counter[str]) -> str | None:
    """A text for reading: cleaned, and cut where it is too long."""
    value = said.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        notes[f"{field} that is no text was left out"] += 1
        return None
    text = one_line(value, length_max)
    if len(value) > length_max and text.endswith("…"):
        notes[f"{field} cut to {length_max:,} characters"] += 1
    return text


def _name(said: dict[str, Any], field: str, length_max: int, notes: Counter[str]) -> str | None:
    """A name of something: as it came, or not at all."""
    value = said.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > length_max or value.translate(_CLEAN) != value:
        notes[f"{field} that is no good name was left out"] += 1
        return None
    return value


def _line_number(said: dict[str, Any], notes: Counter[str]) -> int | None:
    value = said.get("line")
    if value is None:
        return None
    # JSON's true is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LINE_NUMBER_MAX:
        notes["line that is no line number was left out"] += 1
        return None
    return value
