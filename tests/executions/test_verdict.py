import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import phrases
from conselho.executions.verdict import EndingKind, Finding, Reader, Severity
from tests.executions.verdict_asking import WELL, decide, make_ending, make_line
from tests.executions.verdict_phrases import TABLE

SEVERITIES = st.sampled_from(Severity)
QUIET_LINES = st.text(st.characters(codec="utf-8", categories=("Lu", "Ll", "Nd", "Zs")), max_size=60).filter(
    lambda text: not list(phrases.read(text))
)


@pytest.mark.parametrize("kind", ["failed", "timed_out", "lost"])
def test_run_that_ended_badly_is_an_error_whatever_it_printed(kind: EndingKind) -> None:
    verdict = decide(make_line(), "0 errors", ending=make_ending(kind, "it went wrong"))
    assert (verdict.severity, verdict.summary, verdict.evidence.source) == ("error", "it went wrong", "ending")


def test_cancelled_run_is_a_warning() -> None:
    assert decide("12 errors", ending=make_ending("cancelled", "cancelled by ana")).severity == "warning"


def test_findings_of_a_run_that_failed_later_are_kept_and_its_verdict_noted() -> None:
    verdict = decide(make_line(findings=[{"title": "Leak", "severity": "warning"}]), ending=make_ending())
    assert verdict.findings == (Finding("Leak", Severity.WARNING),)
    assert verdict.evidence.notes == ("the verdict line said success: All well.",)


@given(SEVERITIES, st.sampled_from([phrase for phrase, _ in TABLE]), st.booleans())
def test_verdict_line_always_wins_over_words(severity: Severity, phrase: str, words_come_last: bool) -> None:
    lines = [make_line(severity=severity), phrase]
    verdict = decide(*(lines if words_come_last else reversed(lines)))
    assert (verdict.severity, verdict.summary, verdict.evidence.source) == (severity, "All well.", "verdict_line")


def test_without_a_verdict_line_the_words_decide_and_are_the_summary() -> None:
    verdict = decide("starting", "3 testes falharam", "bye")
    assert (verdict.severity, verdict.summary) == ("error", "3 testes falharam")
    assert (verdict.evidence.source, verdict.evidence.line_seq) == ("words", 2)


def test_nothing_said_is_a_success_with_the_last_line_as_summary() -> None:
    verdict = decide("starting", "  done \t here ", "", "   ")
    assert (verdict.severity, verdict.summary, verdict.evidence.source) == ("success", "done here", "default")


def test_silent_run_is_a_success_without_summary() -> None:
    assert (decide().severity, decide().summary) == ("success", "")


def test_long_last_line_is_cut_for_the_summary() -> None:
    assert len(decide("a" * 5000).summary) == 200


@given(SEVERITIES, SEVERITIES)
def test_floor_only_raises(said: Severity, floor: Severity) -> None:
    verdict = decide(make_line(severity=said), ending=make_ending("succeeded", floor=floor, floor_reason="log capped"))
    assert verdict.severity == max(said, floor, key=lambda severity: severity.rank)
    assert verdict.summary == "All well."


def test_floor_that_raises_nothing_is_no_evidence() -> None:
    ending = make_ending("succeeded", floor=Severity.WARNING, floor_reason="the log was capped")
    assert decide("1 warning", ending=ending).evidence.source == "words"


def test_floor_says_what_it_raised_and_why() -> None:
    ending = make_ending("succeeded", floor=Severity.WARNING, floor_reason="the log was capped")
    verdict = decide("all done", ending=ending)
    assert (verdict.severity, verdict.summary, verdict.evidence.source) == ("warning", "the log was capped", "ending")
    assert verdict.evidence.notes[0].startswith("raised from success")


def test_floor_raises_a_cancelled_run_too() -> None:
    ending = make_ending("cancelled", "cancelled", floor=Severity.ERROR, floor_reason="a process was left")
    assert (decide(ending=ending).severity, decide(ending=ending).summary) == ("error", "cancelled")


# --- the lines that are read ------------------------------------------------------------------------------------------


def test_words_before_the_last_200_lines_do_not_count() -> None:
    quiet = ["working"] * 200
    assert decide("12 errors", *quiet).severity == "success"
    assert decide("12 errors", *quiet[1:]).severity == "error"


def test_blank_lines_do_not_push_words_out() -> None:
    assert decide("12 errors", *[""] * 500, *[" \t"] * 500).severity == "error"


def test_words_past_the_first_2_kb_of_a_line_do_not_count() -> None:
    assert decide("x " * 1100 + "12 errors").severity == "success"
    assert decide("x " * 1000 + "12 errors").severity == "error"


def test_cut_does_not_make_a_word_of_a_longer_one() -> None:
    assert decide("x " * 1021 + " errorless").severity == "success"


def test_every_line_of_a_message_is_read_by_itself() -> None:
    verdict = decide("Looked at it.\n\n12 errors\r\nbye")
    assert (verdict.severity, verdict.summary) == ("error", "12 errors")


def test_progress_drawn_with_carriage_returns_is_lines() -> None:
    assert decide("10%\r50%\r2 errors\r100%").summary == "2 errors"


def test_evidence_and_summary_have_no_control_characters() -> None:
    verdict = decide("\x1b[31mERROR\x1b[0m\x00 boom \u202e" + "x" * 1000)
    assert verdict.summary.startswith("ERROR boom")
    assert (len(verdict.summary), len(verdict.evidence.text)) == (200, 500)
    assert verdict.evidence.text.isprintable()


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    verdict = decide(text, f"VERDICT: {text}", f"error {text}")
    assert "\n" not in verdict.summary


@given(st.lists(QUIET_LINES | st.sampled_from([phrase for phrase, _ in TABLE]), max_size=12), st.data())
def test_how_lines_are_grouped_into_messages_changes_nothing(lines: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(lines)))
    grouped = decide("\n".join(lines[:cut]), "\n".join(lines[cut:]))
    single = decide(*lines)
    assert (grouped.severity, grouped.summary, grouped.evidence.text) == (
        single.severity,
        single.summary,
        single.evidence.text,
    )


@given(st.lists(st.sampled_from([phrase for phrase, _ in TABLE]), max_size=8))
def test_asking_twice_gives_the_same_answer(lines: list[str]) -> None:
    reader = Reader()
    for seq, line in enumerate(lines, start=1):
        reader.feed(seq, line)
    assert reader.decide(WELL) == reader.decide(WELL)


def test_memory_does_not_grow_with_the_log() -> None:
    reader = Reader()
    tracemalloc.start()
    try:
        for seq in range(1, 20_001):
            reader.feed(seq, f"{seq} " + "é" * 3000 + " error")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000_000  # 200 lines of 2 KB, a sentence each


def test_one_line_of_32_mb_is_read_without_copying_it() -> None:
    text = "a " * (16 * 1024 * 1024)
    reader = Reader()
    tracemalloc.start()
    try:
        reader.feed(1, text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
    assert sys.getsizeof(reader.decide(WELL).summary) < 1000
