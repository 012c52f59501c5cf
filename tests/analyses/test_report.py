"""The verdict: severity, cap, keys."""

import json
from typing import Any

import pytest

from conselho.analyses.report import FINDINGS_MAX, KEY_LENGTH_MAX, Finding, Report, Severity


def make_finding(title: str = "wrong", severity: Severity = Severity.WARNING, key: str = "k", line: int = 1) -> Finding:
    return Finding(title, severity, b"a.py", line, (key,))


def verdict_of(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    report = Report("some")
    for finding in findings:
        report.add(finding)
    report.close("Summary.")
    verdict: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("VERDICT: "))
    return verdict


def test_severity_is_that_of_the_worst_finding_even_beyond_the_cap(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [make_finding() for _ in range(FINDINGS_MAX)] + [make_finding(severity=Severity.ERROR)]

    verdict = verdict_of(findings, capsys)

    assert verdict["severity"] == "error"
    assert len(verdict["findings"]) == FINDINGS_MAX
    assert verdict["summary"] == "Summary. The first 200 of 201 findings are listed."


def test_finding_has_the_names_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verdict_of([make_finding()], capsys)

    assert verdict["findings"] == [
        {"title": "wrong", "severity": "warning", "file": "a.py", "line": 1, "key": "some:k"},
    ]


def test_findings_alike_have_keys_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verdict_of([make_finding(), make_finding(line=9)], capsys)

    assert [finding["key"] for finding in verdict["findings"]] == ["some:k", "some:k#2"]


def test_long_keys_are_cut_and_stay_different(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verdict_of([make_finding(key="x" * 5000 + end) for end in "ab"], capsys)

    first, second = (finding["key"] for finding in verdict["findings"])
    assert first != second
    assert len(first) == len(second) == KEY_LENGTH_MAX


def test_verdict_of_very_long_paths_still_fits_a_line_that_is_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("wrong", Severity.ERROR, b"x/" * 2000, 1, (f"{number}",)) for number in range(100)]

    verdict = verdict_of(findings, capsys)

    listed = len(verdict["findings"])
    assert 40 < listed < 60
    assert verdict["summary"] == f"Summary. The first {listed} of 100 findings are listed."


def test_path_that_would_have_to_be_cut_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verdict_of([Finding("wrong", Severity.ERROR, b"\n" * 3000, 1, ("k",))], capsys)

    assert verdict["findings"][0]["file"] is None


def test_verdict_is_one_line_whatever_the_titles_hold(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verdict_of([make_finding(title="a\nb\u2028c\x85d\ud800")], capsys)

    assert verdict["findings"][0]["title"] == "a\\nb\\u2028c\\x85d\\ud800"
