"""A councilor's own rules: which are refused, and when they decide."""

import time
from typing import Any

import pytest

from conselho import errors
from conselho.executions import rules
from conselho.executions.verdict import Reader, Severity, Verdict
from tests.executions.verdict_asking import WELL, make_ending, make_line

DISK = {"pattern": r"disk (\d+)% full", "severity": "warning", "summary": "The disk is filling up"}


def decide(own: list[dict[str, Any]], *lines: str, **ending: Any) -> Verdict:
    reader = Reader(own)
    for seq, line in enumerate(lines, start=1):
        reader.feed(seq, line)
    return reader.decide(make_ending("succeeded", **ending) if ending else WELL)


def test_rules_are_stored_as_they_came() -> None:
    given: list[dict[str, Any]] = [DISK, {"pattern": "x", "severity": "error", "summary": None}]
    assert rules.checked(given) == (DISK, {"pattern": "x", "severity": "error"})


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"(a)\1", r"RE2 refuses (a)\1: invalid escape sequence: \1"),
        ("(?=a)", "invalid perl operator"),
        ("(?<!a)b", "RE2 refuses"),
        ("(", "missing )"),
        ("(?:a{1000}){1000}", "RE2 refuses"),
        (r"\pL{1000}", "too large"),
        ("", "text of 1 to 1,000 characters"),
        ("a" * 1001, "text of 1 to 1,000 characters"),
        (None, "text of 1 to 1,000 characters"),
        ("a\0", "holds a NUL"),
        ("\ud800", "half a character"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_place(pattern: object, words: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        rules.checked([DISK, {"pattern": pattern, "severity": "error"}])
    assert caught.value.sentence.startswith("severity_rules[1].pattern: ")
    assert words in caught.value.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"severity": "grave"}, "severity_rules[0].severity: it must be success, warning or error"),
        ({"severity": None}, "severity_rules[0].severity"),
        ({"severity": ["error"]}, "severity_rules[0].severity"),
        ({"summary": "x" * 201}, "severity_rules[0].summary"),
        ({"summary": 3}, "severity_rules[0].summary"),
        ({"flags": "i"}, "severity_rules[0].flags"),
    ],
)
def test_a_rule_that_is_none_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        rules.checked([{**DISK, **changes}])
    assert caught.value.sentence.startswith(words)


def test_there_are_at_most_fifty() -> None:
    assert len(rules.checked([DISK] * 50)) == 50
    with pytest.raises(errors.Invalid, match="at most 50"):
        rules.checked([DISK] * 51)


def test_a_rule_decides_and_says_what_it_saw() -> None:
    verdict = decide([DISK], "begin", "disk 91% full on /srv", "end")
    assert (verdict.severity, verdict.summary) == (Severity.WARNING, "The disk is filling up")
    assert (verdict.evidence.source, verdict.evidence.text, verdict.evidence.line_seq) == (
        "rule", "disk 91% full on /srv", 2,
    )  # fmt: skip
    assert verdict.evidence.notes == (r"rule 1: disk (\d+)% full",)


def test_without_a_summary_the_line_is_it() -> None:
    verdict = decide([{"pattern": "full", "severity": "error"}], "disk  91% full")
    assert verdict.summary == "disk 91% full"


def test_the_first_rule_that_fits_decides_and_not_the_worst() -> None:
    own = [{"pattern": "never", "severity": "error"}, {"pattern": "half", "severity": "success"}, DISK]
    verdict = decide(own, "disk 91% full", "half done")
    assert (verdict.severity, verdict.evidence.text) == (Severity.SUCCESS, "half done")


def test_of_several_lines_the_last_one_speaks() -> None:
    assert decide([DISK], "disk 91% full", "disk 95% full").evidence.line_seq == 2


def test_a_rule_goes_before_the_words_and_behind_the_verdict_line() -> None:
    harmless = [{"pattern": "3 errors", "severity": "success"}]
    assert decide(harmless, "3 errors").severity == Severity.SUCCESS
    assert decide([DISK], make_line(severity="error"), "disk 91% full").evidence.source == "verdict_line"
    assert decide([DISK], "3 errors").evidence.source == "words"
    assert decide([DISK], "all well").evidence.source == "default"


def test_a_rule_cannot_make_good_what_ended_badly() -> None:
    reader = Reader([{"pattern": "done", "severity": "success"}])
    reader.feed(1, "done")
    assert reader.decide(make_ending("failed", "exit code 1")).severity == Severity.ERROR


def test_the_floor_raises_a_rule_and_leaves_it_its_sentence() -> None:
    verdict = decide(
        [{"pattern": "done", "severity": "success", "summary": "Done it is"}],
        "done",
        floor=Severity.WARNING,
        floor_reason="the log was capped",
    )
    assert (verdict.severity, verdict.summary) == (Severity.WARNING, "Done it is")


def test_a_stored_rule_that_cannot_be_used_any_more_is_noted_and_left_out() -> None:
    verdict = decide([{"pattern": "(?=", "severity": "error"}, {}, DISK], "disk 91% full")
    assert verdict.severity == Severity.WARNING
    assert [note.partition(":")[0] for note in verdict.evidence.notes] == [
        "rule 3", "rule 1 was left out", "rule 2 was left out",
    ]  # fmt: skip


def test_patterns_that_would_take_long_together_are_refused() -> None:
    costly = {"pattern": "x.{0,500}y", "severity": "error"}
    assert len(rules.checked([costly] * 2)) == 2
    with pytest.raises(errors.Invalid, match=r"^severity_rules\[2\].pattern: it takes too long, with those before it"):
        rules.checked([costly] * 3)
    _, notes = rules.usable([costly] * 4)
    assert [note.partition(":")[0] for note in notes] == ["rule 3 was left out", "rule 4 was left out"]


@pytest.mark.parametrize("pattern", ["(a*)*(a|aa)+$", "x.{0,100}y", "(.*)(.*)(.*)(.*)[a-z]$"])
def test_fifty_patterns_on_the_longest_lines_take_some_seconds_at_most(pattern: str) -> None:
    own, _ = rules.usable([{"pattern": pattern, "severity": "error"}] * 50)
    reader = Reader([{"pattern": rule.pattern, "severity": "error"} for rule in own])
    for seq in range(200):
        reader.feed(seq, "xa" * 1000 + "!")
    before = time.process_time()
    reader.decide(WELL)
    assert time.process_time() - before < 15
