import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import verdict_line
from conselho.executions.verdict import Finding, Severity
from tests.executions.verdict_asking import decide, make_ending, make_line


def test_findings_of_the_verdict_line_are_kept() -> None:
    found = {"title": "Leak", "severity": "error", "file": "src/a.py", "line": 12, "key": "leak:a"}
    verdict = decide(make_line(severity="warning", findings=[found]))
    assert verdict.findings == (Finding("Leak", Severity.ERROR, "src/a.py", 12, "leak:a"),)


def test_severity_of_a_finding_does_not_raise_the_verdict() -> None:
    assert decide(make_line(findings=[{"title": "Was broken", "severity": "error"}])).severity == "success"


def test_last_well_formed_verdict_line_counts() -> None:
    verdict = decide(make_line(severity="error"), make_line(severity="warning"), "VERDICT: {", "bye")
    assert (verdict.severity, verdict.evidence.line_seq) == ("warning", 2)
    assert verdict.evidence.notes[0].startswith("the VERDICT line at 3 was not understood")


def test_malformed_line_before_a_good_one_is_forgotten() -> None:
    assert decide("VERDICT: {", make_line()).evidence.notes == ()


@pytest.mark.parametrize(
    "around",
    ["  {}  ", "**{}**", "`{}`", "\t{}\r", "\x1b[1m{}\x1b[0m", "text before\n{}", "{}\ntext after", "__{}__"],
)
def test_verdict_line_may_have_space_markdown_colour_and_other_lines_around_it(around: str) -> None:
    assert decide(around.format(make_line(severity="warning"))).severity == "warning"


@pytest.mark.parametrize("opening", ["**VERDICT:** ", "`VERDICT`: `", "VERDICT:", "VERDICT : "])
def test_markdown_may_stand_inside_the_opening(opening: str) -> None:
    assert decide(make_line(severity="error").replace("VERDICT: ", opening)).evidence.source == "verdict_line"


@pytest.mark.parametrize(
    "line",
    [
        "see VERDICT: {}",
        "verdict: {}",
        "VERDICTS: {}",
        "VERDICT {}",
        "- VERDICT: {}",
    ],
)
def test_line_that_does_not_begin_with_the_word_is_no_verdict_line(line: str) -> None:
    verdict = decide(line.format('{"severity": "warning"}'))
    assert verdict.evidence.source != "verdict_line"
    assert verdict.evidence.notes == ()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "success",
        "{}",
        "[]",
        '"error"',
        '{"severity": "success|warning|error", "summary": "…", "findings": []}',
        '{"severity": "ERROR"}',
        '{"severity": null}',
        '{"severity": ["error"]}',
        '{"severity": "success"} and more',
        '{"severity": "success"}{"severity": "error"}',
        '{"severity": "success", "severity": "warning"}',
        '{"severity": "success", "weight": NaN}',
        '{"severity": "success", "weight": ' + "9" * 5000 + "}",
        '{"severity": "success"',
        '{"severity": "success", "findings": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"severity": "success", "summary": "' + "a" * verdict_line.LINE_LENGTH_MAX + '"}',
    ],
)
def test_what_is_not_one_good_object_is_malformed_and_noted(said: str) -> None:
    verdict = decide(f"VERDICT: {said}")
    assert verdict.evidence.source != "verdict_line"
    assert verdict.evidence.notes[0].startswith("the VERDICT line at 1 was not understood: ")
    assert len(verdict.evidence.notes[0]) < 300


def test_verdict_line_longer_than_256_kb_is_malformed_even_where_only_spaces_are_cut() -> None:
    notes = decide(make_line() + " " * verdict_line.LINE_LENGTH_MAX).evidence.notes
    assert notes == ("the VERDICT line at 1 was not understood: longer than 262,144 characters",)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("line", 0),
        ("line", -1),
        ("line", True),
        ("line", 1.5),
        ("line", "12"),
        ("line", 2**31),
        ("file", 7),
        ("file", ""),
        ("file", "a" * 5000),
        ("file", "a\x00b"),
        ("file", "\ud800"),
        ("key", {}),
        ("key", "k" * 301),
    ],
)
def test_bad_field_of_a_finding_is_dropped_and_the_rest_kept(field: str, bad: object) -> None:
    verdict = decide(make_line(findings=[{"title": "Leak", "severity": "error", field: bad}]))
    assert verdict.findings == (Finding("Leak", Severity.ERROR),)


def test_finding_without_a_good_severity_takes_the_verdicts() -> None:
    verdict = decide(make_line(severity="warning", findings=[{"title": "Leak", "severity": "grave"}]))
    assert verdict.findings[0].severity == "warning"
    assert "took the verdict's (1)" in verdict.evidence.notes[0]


@pytest.mark.parametrize("bad", [None, 7, "text", [], {"severity": "error"}, {"title": ""}, {"title": 3}])
def test_finding_without_a_title_is_left_out(bad: object) -> None:
    verdict = decide(make_line(findings=[bad, {"title": "Leak", "severity": "error"}]))
    assert [finding.title for finding in verdict.findings] == ["Leak"]
    assert "findings without a title were left out (1)" in verdict.evidence.notes


def test_findings_that_are_no_list_are_left_out() -> None:
    verdict = decide(make_line(findings={"title": "Leak"}))
    assert verdict.findings == ()
    assert verdict.evidence.notes == ("findings that are no list were left out (1)",)


def test_what_is_too_long_is_cut_and_said() -> None:
    findings = [{"title": "t" * 501, "severity": "error"}, *({"title": "x", "severity": "error"} for _ in range(1001))]
    verdict = decide(make_line(summary="s" * 1001, findings=findings))
    assert (len(verdict.summary), len(verdict.findings), len(verdict.findings[0].title)) == (1000, 1000, 500)
    assert set(verdict.evidence.notes) == {
        "summary cut to 1,000 characters (1)",
        "title cut to 500 characters (1)",
        "findings past 1,000 were left out (2)",
    }


@pytest.mark.parametrize("summary", [None, "", 7, "  "])
def test_verdict_line_without_a_summary_is_summed_up_by_its_first_finding_or_the_line_before(summary: object) -> None:
    assert decide("all done", make_line(summary=summary)).summary == "all done"
    findings = [{"title": "Leak", "severity": "error"}]
    assert decide("all done", make_line(summary=summary, findings=findings)).summary == "Leak"


def test_text_of_a_verdict_line_can_be_stored_and_shown_anywhere() -> None:
    verdict = decide(make_line(summary="a\nb\x00c\ud800\u202e\x1b[31md", findings=[{"title": "x\ny\x00"}]))
    assert verdict.summary == "a b c\ufffd\ufffdd"
    assert verdict.findings[0].title == "x y"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    st.sampled_from(["severity", "summary", "findings", "file", "line", "title", "key"]),
)
def test_no_json_in_a_verdict_line_raises(value: object, field: str) -> None:
    finding = {"title": "x", "severity": "error", field: value}
    verdict = decide(make_line(**{"findings": [finding], field: value}))
    assert isinstance(verdict.severity, Severity)
    json.dumps([verdict.summary, [finding.title for finding in verdict.findings]]).encode()


@pytest.mark.parametrize(
    ("said", "names_all"),
    [
        ({"severity": "success"}, True),
        ({"severity": "error"}, False),
        ({"severity": "error", "findings": []}, True),
        ({"findings": [{"title": "Leak", "severity": "error"}]}, True),
        ({"findings": [{"title": "Leak", "severity": "error"}, {"title": ""}]}, False),
        ({"findings": [{"title": "x", "severity": "error"}] * 1001}, False),
        ({"findings": {"title": "Leak"}}, False),
    ],
)
def test_a_line_names_all_findings_unless_one_is_left_out(said: dict[str, Any], names_all: bool) -> None:
    assert decide(make_line(**said)).names_all is names_all
    raised = make_ending("succeeded", floor=Severity.ERROR, floor_reason="the log was capped")
    assert decide(make_line(**said), ending=raised).names_all is names_all


def test_without_a_line_nothing_is_known_of_all_findings() -> None:
    assert not decide("0 errors").names_all
    assert not decide(make_line(findings=[]), "VERDICT: {oh").names_all
