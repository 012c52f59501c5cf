import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import phrases, verdict_line, verdict_words
from tests.executions.verdict_asking import decide
from tests.executions.verdict_phrases import TABLE

QUIET_LINES = st.text(st.characters(codec="utf-8", categories=("Lu", "Ll", "Nd", "Zs")), max_size=60).filter(
    lambda text: not list(phrases.read(text))
)


def test_table_of_phrases_is_long_and_without_repeats() -> None:
    assert len(TABLE) == len({phrase for phrase, _ in TABLE}) > 400


@pytest.mark.parametrize(("phrase", "severity"), TABLE, ids=[phrase for phrase, _ in TABLE])
def test_phrase_alone_and_amid_quiet_lines(phrase: str, severity: str) -> None:
    verdict = decide(phrase)
    assert verdict.severity == severity
    assert verdict.evidence.source == ("default" if severity == "success" else "words")
    assert decide("Reading the code.", "hi-from-tool", phrase, "All done: OK", "").severity == severity


@pytest.mark.parametrize("phrase", ["não há erros", "Atenção: cheio", "erros não encontrados", "exceção não tratada"])
def test_accents_may_stand_alone_or_be_missing(phrase: str) -> None:
    decomposed = unicodedata.normalize("NFD", phrase)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    assert decide(phrase).severity == decide(decomposed).severity == decide(bare).severity


def test_count_of_zero_outweighs_a_mention_elsewhere() -> None:
    assert decide("there was an error in the parser", "I changed it", "0 errors, 12 passed").severity == "success"
    assert decide("nenhum erro encontrado", "o erro era outro").severity == "success"


def test_count_of_zero_outweighs_no_statement() -> None:
    assert decide("3 testes falharam", "0 errors").severity == "error"
    assert decide("error: cannot open x", "0 errors").severity == "error"
    assert decide("0 errors", "Traceback (most recent call last):").severity == "error"


def test_count_of_errors_does_not_answer_for_warnings() -> None:
    assert decide("this is deprecated", "0 errors").severity == "warning"


def test_last_of_the_worst_lines_is_the_evidence() -> None:
    verdict = decide("2 errors", "1 warning", "3 errors", "2 warnings")
    assert (verdict.evidence.text, verdict.evidence.line_seq) == ("3 errors", 3)


@given(
    st.integers(1, 10**9),
    st.sampled_from(["{} errors", "{} erros", "errors: {}", "erros: {}", "{} testes falharam", "{} tests failed"]),
)
def test_any_number_of_errors_is_an_error(count: int, phrase: str) -> None:
    assert decide(phrase.format(count)).severity == "error"
    assert decide(phrase.format(f"{count:,}")).severity == "error"


@given(
    st.sampled_from(["0", "no", "zero", "nenhum", "0%", "00", "without", "sem"]),
    st.sampled_from(["errors", "failures", "warnings", "vulnerabilities", "issues", "exceptions"]),
    st.sampled_from(["", " found", " in 12 files", "."]),
)
def test_none_of_any_thing_is_a_success(none: str, thing: str, rest: str) -> None:
    assert decide(f"{none} {thing}{rest}").severity == "success"


@given(
    st.sampled_from(["0", "nenhum", "nenhuma", "sem", "não há", "zero", "sem nenhum"]),
    st.sampled_from([word for word, kind in verdict_words.WORDS.items() if kind.portuguese and kind.part == "thing"]),
    st.sampled_from(["", " encontrado", " no projeto", "."]),
)
def test_nenhum_of_any_portuguese_thing_is_a_success(none: str, thing: str, rest: str) -> None:
    assert decide(f"{none} {thing}{rest}").severity == "success"


@given(
    st.sampled_from(sorted(verdict_words.WORDS)),
    st.text("abdgjkqwyz", max_size=5),
    st.text("abdgjkqwyz", max_size=5),
)
def test_word_inside_a_longer_word_never_counts(word: str, before: str, after: str) -> None:
    longer = f"{before}{word}{after}"
    if longer not in verdict_words.WORDS:
        for line in (longer, longer.upper(), f"3 {longer} found", f"{longer}: 3", f"tests did not {longer}"):
            assert decide(line).severity == "success"


@given(
    st.sampled_from(sorted(verdict_words.WORDS)),
    st.sampled_from(["{}.py", "test_{}", "{}_path", "src/{}/x", "{}-prone", "--{}", "${}", "x.{}", "{}(x)", "a::{}"]),
)
def test_word_inside_a_name_never_counts(word: str, name: str) -> None:
    assert decide(f"edited {name.format(word)} today").severity == "success"


@given(QUIET_LINES, st.sampled_from(TABLE))
def test_quiet_line_does_not_change_a_verdict(quiet: str, row: tuple[str, str]) -> None:
    assert decide(quiet, row[0]).severity == decide(row[0], quiet).severity == row[1]


# --- hostile lines ----------------------------------------------------------------------------------------------------

HOSTILE = [
    "error ",
    "no ",
    "0 of the ",
    "1,",
    "x-",
    "-",
    "a(s)",
    "error, ",
    "no errors, ",
    "\x1b[",
    "\x1b[0;",
    "fix: error ",
    "'error' ",
    "e\u0301\u0327\u0300",
    "w",
    "1",
    "1a",
    "a::",
    "a:b:",
    "errors fixed 2 of 3 ",
    "error(",
    "tests did not pass ",
    "VERDICT: {",
    "[",
    "\ufdfa",
    "aA.Error:",
    "****`",
    "out of ",
]


def _seconds(unit: str, length: int) -> float:
    line = "error " + (unit * (length // len(unit) + 1))[:length] + "\x00error"
    fastest = 9.9
    for _ in range(3):
        started = time.process_time()
        list(phrases.read(line))
        verdict_line.read(line)
        fastest = min(fastest, time.process_time() - started)
    return fastest


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_to_read_a_hostile_line_is_linear(unit: str) -> None:
    # 8 times the text; quadratic would be 64 times the time. Half of that leaves room for a busy machine.
    assert _seconds(unit, 2048 * 8) < 32 * _seconds(unit, 2048) + 0.01


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_line_of_2_kb_takes_milliseconds(unit: str) -> None:
    assert _seconds(unit, 2048) < 0.2  # 15 ms at most where it was written; exponential would never end
