"""What does an analysis print, and what is its last line?

Lines for a reader first, each flushed as it is known; then `VERDICT: {…}` in one line of JSON for a
program. Its severity is that of the worst finding. A finding's key names the thing and not its place in the
file: it stays the same when lines move, so that a new finding can be told from an old one.
"""

import hashlib
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from conselho.analyses.text import counted, shown

FINDINGS_MAX = 200
"""In the verdict: nobody works through more, and the line must fit where logs are kept."""

LISTED_LENGTH_MAX = 200_000
"""Characters of all findings as JSON: who reads the verdict parses lines of 256 KiB."""

PATH_LENGTH_MAX = 4096
"""A longer one is no path of a system; one that was cut would be another path, so it is left out."""

TITLE_LENGTH_MAX = 200
KEY_LENGTH_MAX = 240
PROGRESS_SECONDS = 2.0
"""A sign of life this often; what is faster prints none."""


class Severity(StrEnum):
    """From good to bad, in this order."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing found. `file`: empty where it is in none; `key`: parts that name it, without line numbers."""

    title: str
    severity: Severity
    file: bytes
    line: int | None
    key: tuple[str | bytes, ...]


class Report:
    """Prints lines, keeps findings, ends with the verdict."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._printed_at = time.monotonic()

    def say(self, line: str) -> None:
        """Print one line now."""
        print(line, flush=True)
        self._printed_at = time.monotonic()

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Print how far it is, if nothing was printed for a while. `total`: None where it is not known."""
        if time.monotonic() - self._printed_at >= PROGRESS_SECONDS:
            self.say(f"… {done:,} {what}" if total is None else f"… {done:,} of {total:,} {what}")

    def add(self, finding: Finding) -> None:
        """Keep a finding for the verdict; the order of adding is the order of importance."""
        self.findings.append(finding)

    def place(self, finding: Finding) -> str:
        """`src/a.py:12`, as editors open it."""
        return shown(finding.file) + (f":{finding.line}" if finding.line else "")

    def close(self, summary: str) -> None:
        """Print the summary and the verdict; nothing comes after it."""
        listed = self._listed()
        if len(listed) < len(self.findings):
            summary += f" The first {len(listed)} of {len(self.findings):,} findings are listed."
        summary = shown(summary)
        self.say(summary)
        verdict = {
            "severity": self.severity,
            "summary": summary,
            "findings": listed,
        }
        self.say("VERDICT: " + _json(verdict))

    @property
    def severity(self) -> Severity:
        """The worst of all findings, listed or not."""
        order = list(Severity)
        return max((finding.severity for finding in self.findings), key=order.index, default=Severity.SUCCESS)

    def _listed(self) -> list[dict[str, object]]:
        seen: Counter[str] = Counter()
        listed: list[dict[str, object]] = []
        length = 0
        for finding in self.findings[:FINDINGS_MAX]:
            entry = _entry(self.name, finding, seen)
            length += len(_json(entry))
            if length > LISTED_LENGTH_MAX:
                break
            listed.append(entry)
        return listed


def left_out(reasons: Counter[str]) -> str:
    """`12 binary, 1 over 1 MiB`; empty when nothing was."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))


def make_stdout_safe() -> None:
    """UTF-8 whatever the locale: a file's name must not end an analysis."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def more(shown_lines: int, total: int) -> str:
    """What to say under a list that was cut."""
    return f"… and {counted(total - shown_lines, 'more', 'more')}"


def _entry(name: str, finding: Finding, seen: Counter[str]) -> dict[str, object]:
    file = shown(finding.file, 2 * PATH_LENGTH_MAX)
    return {
        "title": shown(finding.title, TITLE_LENGTH_MAX),
        "severity": finding.severity,
        "file": file if 0 < len(file) <= PATH_LENGTH_MAX else None,
        "line": finding.line,
        "key": _key(name, finding.key, seen),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key(name: str, parts: Sequence[str | bytes], seen: Counter[str]) -> str:
    """The parts joined; two findings alike are told apart by their order, which moving lines keep."""
    key = ":".join([name, *(shown(part, 8192) for part in parts)])
    if len(key) > KEY_LENGTH_MAX:
        key = key[: KEY_LENGTH_MAX - 17] + "~" + hashlib.sha256(key.encode()).hexdigest()[:16]
    seen[key] += 1
    return key if seen[key] == 1 else f"{key}#{seen[key]}"
