"""How is the severity of a run decided?

In this order; the first that has something to say decides, and what it saw is kept as the evidence:

1. The ending. A run that failed, timed out or was lost is an error, whatever it printed. A cancelled one is a
   warning: somebody wanted it to end, so nothing is broken, but the work is not done either.
2. The verdict line, which the agent ends with: `VERDICT: {"severity": …, "summary": …, "findings": […]}`. The last
   one that is well formed counts (`verdict_line.py` says what that means).
3. The councilor's own rules (`rules.py`): the first of them whose pattern is found in one of the last lines.
4. The words of the last lines, in English and Portuguese (`phrases.py` reads them, `verdict_words.py` lists them).
5. Else it is a success.

Last comes the floor, which only raises: a run whose log was capped, or that left processes behind, is at least a
warning, even if its agent says that all went well.

A finding's severity does not raise the verdict's: one that fixed three errors is a success with three findings.
Nothing in this file reads or writes anything; the same lines and ending give the same verdict everywhere.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from conselho.executions import phrases, rules, verdict_line
from conselho.executions.severity import Severity
from conselho.executions.verdict_line import Claim, Finding, Malformed, one_line

__all__ = ["Ending", "Evidence", "Finding", "Reader", "Severity", "Verdict"]

WINDOW_LINES = 200
"""Lines that are not blank and whose words count. A run says at its end how it went; what it met on the way and got
past is no verdict."""

WINDOW_LINE_LENGTH_MAX = 2048
"""Characters kept of each of them: the window costs at most 400 KB times the width of a character."""

EVIDENCE_LENGTH_MAX = 500
"""Characters: enough to recognise a line, little enough for every row."""

SUMMARY_OF_LOG_LENGTH_MAX = 200
"""Characters of a summary that is taken from the log: it stands in lists and notifications."""

EndingKind = Literal["succeeded", "failed", "timed_out", "cancelled", "lost"]
Source = Literal["ending", "verdict_line", "rule", "words", "default"]

_LINES = re.compile(r"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run ended, as its worker knows it.

    `sentence` says it to a reader: `exit code 3`, `timed out after 2 s`. `floor` is the least severity that the
    circumstances allow, and `floor_reason` why: `the log was capped at 50 MB`.
    """

    ok: bool
    kind: EndingKind
    sentence: str
    floor: Severity | None = None
    floor_reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What decided, so that a reader can check it.

    `text` is the line or sentence, at most 500 characters; `line_seq` its place in the log, where it has one. `notes`
    tell what else a reader should know: the rule that decided, a verdict line that was not understood, what was cut,
    what the floor raised.
    """

    source: Source
    text: str
    line_seq: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about a run. `summary` is one line, never several; it may be empty.

    `names_all`: its agent ended with a verdict line, and what that does not name was not found.
    """

    severity: Severity
    summary: str
    findings: tuple[Finding, ...]
    evidence: Evidence
    names_all: bool = False


class Reader:
    """Reads a log as it is written, keeps little of it, and decides when the run has ended.

    Feed it what the agent or command itself said (text, results, stdout, stderr). Prompts, thinking and the results of
    tools do not belong here: a file that the agent merely looked at must not speak for it.
    """

    def __init__(self, severity_rules: Sequence[Mapping[str, Any]] = ()) -> None:
        """`severity_rules`: the councilor's own, as they are stored with the run."""
        self._rules = severity_rules
        self._claim: tuple[int, str, Claim] | None = None
        self._malformed: tuple[int, Malformed] | None = None
        self._window: deque[tuple[int, str]] = deque(maxlen=WINDOW_LINES)

    def feed(self, seq: int, text: str) -> None:
        """Read the next log line. One message of an agent may hold several lines of text; each is read by itself."""
        # Nearly always, and every line of every log comes through here.
        if len(text) <= WINDOW_LINE_LENGTH_MAX and "VERDICT" not in text and "\n" not in text and "\r" not in text:
            if text and not text.isspace():
                self._window.append((seq, text))
            return
        for match in _LINES.finditer(text):
            start, end = match.span()
            # One character past the limit, so that a line too long is seen to be; never a copy of 32 MB.
            self._read(seq, text[start : min(end, start + verdict_line.LINE_LENGTH_MAX + 1)])

    def decide(self, ending: Ending) -> Verdict:
        """The verdict on everything read so far. Changes nothing: it may be asked again."""
        verdict = self._by_ending(ending) or self._by_verdict_line() or self._by_rules_or_words()
        return _at_least(ending, verdict)

    def _read(self, seq: int, line: str) -> None:
        claim = verdict_line.read(line)
        if isinstance(claim, Claim):
            self._claim = (seq, one_line(line, EVIDENCE_LENGTH_MAX), claim)
            self._malformed = None
            return
        if claim is not None:
            self._malformed = (seq, claim)
        if line and not line.isspace():
            self._window.append((seq, _cut(line)))

    def _by_ending(self, ending: Ending) -> Verdict | None:
        if ending.ok:
            return None
        severity = Severity.WARNING if ending.kind == "cancelled" else Severity.ERROR
        sentence = one_line(ending.sentence, EVIDENCE_LENGTH_MAX)
        notes = self._notes()
        if self._claim is None:
            return Verdict(severity, sentence, (), Evidence("ending", sentence, notes=notes))
        # What the agent found is still worth reading, but it does not speak for a run that went wrong.
        claim = self._claim[2]
        said = f"the verdict line said {claim.severity}: {claim.summary}"
        notes = (one_line(said, EVIDENCE_LENGTH_MAX), *notes)
        return Verdict(severity, sentence, claim.findings, Evidence("ending", sentence, notes=notes))

    def _by_verdict_line(self) -> Verdict | None:
        if self._claim is None:
            return None
        seq, line, claim = self._claim
        summary = claim.summary or (claim.findings[0].title if claim.findings else self._last_line())
        return Verdict(
            claim.severity,
            summary,
            claim.findings,
            Evidence("verdict_line", line, seq, claim.notes + self._notes()),
            names_all=claim.names_all and self._malformed is None,
        )

    def _by_rules_or_words(self) -> Verdict:
        usable, left_out = rules.usable(self._rules)
        notes = (*(one_line(each, EVIDENCE_LENGTH_MAX) for each in left_out), *self._notes())
        return self._by_rules(usable, notes) or self._by_words(notes) or self._by_default(notes)

    def _by_rules(self, usable: Sequence[rules.Rule], notes: tuple[str, ...]) -> Verdict | None:
        for rule in usable:
            for seq, line in reversed(self._window):
                if rule.matches(line):
                    said = one_line(f"rule {rule.number}: {rule.pattern}", EVIDENCE_LENGTH_MAX)
                    evidence = Evidence("rule", one_line(line, EVIDENCE_LENGTH_MAX), seq, (said, *notes))
                    summary = one_line(rule.summary or line, SUMMARY_OF_LOG_LENGTH_MAX)
                    return Verdict(rule.severity, summary, (), evidence)
        return None

    def _by_words(self, notes: tuple[str, ...]) -> Verdict | None:
        found = phrases.worst(self._window)
        if found is None:
            return None
        evidence = Evidence("words", one_line(found.line, EVIDENCE_LENGTH_MAX), found.seq, notes)
        return Verdict(found.severity, one_line(found.line, SUMMARY_OF_LOG_LENGTH_MAX), (), evidence)

    def _by_default(self, notes: tuple[str, ...]) -> Verdict:
        text = "no verdict line, and no word of a problem"
        return Verdict(Severity.SUCCESS, self._last_line(), (), Evidence("default", text, notes=notes))

    def _last_line(self) -> str:
        return one_line(self._window[-1][1], SUMMARY_OF_LOG_LENGTH_MAX) if self._window else ""

    def _notes(self) -> tuple[str, ...]:
        if self._malformed is None:
            return ()
        seq, malformed = self._malformed
        return (f"the VERDICT line at {seq} was not understood: {malformed.reason}",)


def _cut(line: str) -> str:
    """The line's head, without the word that the cut would halve: `errorless` must not become `error`."""
    if len(line) <= WINDOW_LINE_LENGTH_MAX:
        return line
    head = line[:WINDOW_LINE_LENGTH_MAX]
    return head[: head.rfind(" ") + 1] or head


def _at_least(ending: Ending, verdict: Verdict) -> Verdict:
    if ending.floor is None or ending.floor.rank <= verdict.severity.rank:
        return verdict
    before = verdict.evidence
    reason = one_line(ending.floor_reason, EVIDENCE_LENGTH_MAX)
    said = f"raised from {verdict.severity}, which came from the {before.source.replace('_', ' ')}: {before.text}"
    evidence = Evidence("ending", reason, None, (one_line(said, EVIDENCE_LENGTH_MAX), *before.notes))
    # An agent's own sentence, a rule's, or that of an ending gone wrong, says more than why it was raised.
    summary = verdict.summary if before.source in {"verdict_line", "rule", "ending"} else reason
    return replace(verdict, severity=ending.floor, summary=summary or verdict.summary, evidence=evidence)
