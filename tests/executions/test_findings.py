"""The life of a finding: opened, seen again, acknowledged, resolved, and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors, ids
from conselho.db.session import Database
from conselho.executions import comparing, endings, findings
from conselho.executions.comparing import Known
from conselho.executions.findings import Changes
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import finish, make_outcome, make_running

LEAK: dict[str, Any] = {"title": "Leak in line 12", "severity": "error", "file": "src/a.py", "line": 12, "key": None}
TYPO: dict[str, Any] = {"title": "Typo", "severity": "warning", "file": None, "line": None, "key": "typo:1"}


def run(database: Database, clock: Clock, *found: dict[str, Any], councilor_id: str = "c1", **changes: Any) -> str:
    """One run that ends a minute after it began, an hour after the one before."""
    clock.advance(seconds=3600)
    execution_id = make_running(database, councilor_id=councilor_id)
    clock.advance(seconds=60)
    assert finish(database, execution_id, findings=list(found), **{"is_reported": True, **changes})
    return execution_id


def page(database: Database, state: str | None = None, limit: int = 100, after: str | None = None) -> list[Known]:
    return database.fetch(findings.page, "c1", state, limit, after).result()


def one(database: Database) -> Known:
    (known,) = page(database)
    return known


def changes(database: Database, execution_id: str) -> tuple[list[str], list[str], list[str]]:
    found: Changes = database.fetch(findings.changes, "c1", execution_id).result()
    new, remaining, gone = ([known.title for known in each.items] for each in (found.new, found.remaining, found.gone))
    return new, remaining, gone


def acknowledge(database: Database, finding_id: str, by: str = "ana", councilor_id: str = "c1") -> Known:
    return database.submit(findings.acknowledge, councilor_id, finding_id, by).result()


def test_the_first_run_that_names_one_opens_it(database: Database, clock: Clock) -> None:
    execution_id = run(database, clock, LEAK)
    known = one(database)
    assert {name: getattr(known, name) for name in LEAK} == LEAK
    assert (known.state, known.count, known.first_seen_at, known.last_seen_at) == ("open", 1, clock(), clock())
    assert (known.first_execution_id, known.last_execution_id) == (execution_id, execution_id)


def test_one_that_is_named_again_is_the_same_and_is_shown_as_it_is_now(database: Database, clock: Clock) -> None:
    first = run(database, clock, LEAK)
    moved = {**LEAK, "title": "Leak in  line 15", "line": 15, "severity": "warning"}
    second = run(database, clock, moved)
    known = one(database)
    assert (known.title, known.line, known.severity, known.state, known.count) == (
        "Leak in  line 15", 15, "warning", "open", 2,
    )  # fmt: skip
    assert (known.first_execution_id, known.last_execution_id) == (first, second)


def test_one_that_is_not_named_any_more_is_resolved(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK, TYPO)
    second = run(database, clock, TYPO)
    (resolved,) = page(database, "resolved")
    assert (resolved.title, resolved.resolved_at, resolved.resolved_execution_id) == (LEAK["title"], clock(), second)
    assert [known.title for known in page(database, "open")] == ["Typo"]


@pytest.mark.parametrize(
    "ending",
    [{"is_reported": False}, {"status": Status.FAILED, "severity": "error"}, {"status": Status.CANCELLED}],
    ids=["says nothing", "failed", "cancelled"],
)
def test_only_a_run_that_succeeded_and_told_all_resolves(
    database: Database, clock: Clock, ending: dict[str, Any]
) -> None:
    run(database, clock, LEAK)
    run(database, clock, TYPO, **ending)
    assert {known.state for known in page(database)} == {"open"}


def test_a_run_does_not_resolve_what_was_seen_after_it_began(database: Database, clock: Clock) -> None:
    slow = make_running(database, councilor_id="c1")
    run(database, clock, LEAK)
    clock.advance(seconds=60)
    finish(database, slow, is_reported=True)
    assert one(database).state == "open"


def test_what_is_named_again_after_it_was_resolved_has_regressed(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    acknowledge(database, one(database).id)
    run(database, clock)
    again = run(database, clock, LEAK)
    known = one(database)
    assert (known.state, known.regressed_execution_id, known.acknowledged_by) == ("regressed", again, None)
    run(database, clock, LEAK)
    assert one(database).state == "regressed"
    run(database, clock)
    assert one(database).state == "resolved"


def test_a_late_report_of_an_older_run_is_no_regression(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    old = make_running(database, councilor_id="c1")
    seen_at = clock.advance(seconds=60)
    run(database, clock)
    finish(database, old, findings=[LEAK], is_reported=True, completed_at=seen_at)
    known = one(database)
    assert (known.state, known.count) == ("resolved", 2)


def test_acknowledged_stays_so_until_it_is_resolved(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    known = acknowledge(database, one(database).id)
    assert (known.state, known.acknowledged_by, known.acknowledged_at) == ("acknowledged", "ana", clock())
    assert known == one(database)
    run(database, clock, LEAK)
    assert (one(database).state, one(database).acknowledged_by) == ("acknowledged", "ana")
    run(database, clock)
    assert one(database).state == "resolved"
    with pytest.raises(errors.Conflict, match="is resolved"):
        acknowledge(database, known.id)


def test_to_acknowledge_twice_changes_nothing(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    first = acknowledge(database, one(database).id)
    clock.advance(seconds=5)
    assert acknowledge(database, first.id, by="bruno") == first
    assert one(database) == first


def test_only_the_councilors_own_can_be_acknowledged(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    with pytest.raises(errors.NotFound):
        acknowledge(database, one(database).id, councilor_id="c2")
    with pytest.raises(errors.NotFound):
        acknowledge(database, ids.new())


def test_councilors_know_nothing_of_each_other(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK)
    run(database, clock, LEAK, councilor_id="c2")
    run(database, clock, councilor_id="c2")
    assert (one(database).state, one(database).count) == ("open", 1)
    assert database.fetch(findings.unresolved, ["c1", "c2", "c3"]).result() == {"c1": 1, "c2": 0, "c3": 0}


def test_runs_without_a_councilor_leave_no_finding(database: Database) -> None:
    finish(database, make_running(database, agent_id="a1"), findings=[LEAK], is_reported=True)
    assert page(database) == []


def test_twice_in_one_run_counts_once(database: Database, clock: Clock) -> None:
    run(database, clock, LEAK, {**LEAK, "line": 99, "title": "Leak in line 99"}, {"severity": "error"})
    known = one(database)
    assert (known.count, known.line) == (1, 12)


def test_a_run_says_what_is_new_what_remains_and_what_is_gone(database: Database, clock: Clock) -> None:
    first = run(database, clock, LEAK, TYPO)
    assert changes(database, first) == ([LEAK["title"], "Typo"], [], [])
    second = run(database, clock, TYPO)
    assert changes(database, second) == ([], ["Typo"], [LEAK["title"]])
    third = run(database, clock, LEAK, TYPO)
    assert changes(database, third) == ([LEAK["title"]], ["Typo"], [])


@pytest.mark.parametrize(
    "ending",
    [{"is_reported": False}, {"status": Status.FAILED, "severity": "error"}],
    ids=["says nothing", "failed"],
)
def test_what_a_run_is_silent_about_remains(database: Database, clock: Clock, ending: dict[str, Any]) -> None:
    run(database, clock, LEAK)
    silent = run(database, clock, **ending)
    assert changes(database, silent) == ([], [LEAK["title"]], [])


def test_of_many_changes_the_worst_are_listed(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "LISTED_MAX", 2)
    several = [{"title": severity, "severity": severity} for severity in ("warning", "success", "error")]
    new = database.fetch(findings.changes, "c1", run(database, clock, *several)).result().new
    assert ([known.title for known in new.items], new.total) == (["error", "warning"], 3)


def test_pages_go_on_where_they_ended(database: Database, clock: Clock) -> None:
    run(database, clock, *({"title": "abcde"[number], "severity": "error"} for number in range(5)))
    first = page(database, limit=2)
    rest = page(database, limit=9, after=first[-1].id)
    assert [known.title for known in (*first, *rest)] == ["a", "b", "c", "d", "e"]  # as the run named them
    assert page(database, "open", limit=9, after=first[-1].id) == rest


def test_past_the_limit_the_oldest_resolved_are_forgotten_and_then_new_ones_not_recorded(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "KNOWN_MAX", 3)

    def named(*titles: str) -> list[dict[str, Any]]:
        return [{"title": title, "severity": "error"} for title in titles]

    run(database, clock, *named("a", "b", "c"))
    run(database, clock, *named("b", "c"))
    run(database, clock, *named("b", "c", "d"))
    assert {known.title for known in page(database)} == {"b", "c", "d"}
    run(database, clock, *named("b", "c", "d", "e", "f"))
    assert {known.title for known in page(database)} == {"b", "c", "d"}


def test_runs_that_end_in_one_group_are_compared_in_their_order(database: Database, clock: Clock) -> None:
    first = make_running(database, councilor_id="c1")
    saw_at = clock.advance(seconds=60)
    second, third = (make_running(database, councilor_id="c1") for _ in range(2))
    gone_at, back_at = clock.advance(seconds=60), clock.advance(seconds=60)
    ends = [
        database.submit(
            endings.finish, each, 1, make_outcome(findings=found, is_reported=True, completed_at=completed_at)
        )
        for each, found, completed_at in ((third, [LEAK], back_at), (second, [], gone_at), (first, [LEAK], saw_at))
    ]
    assert all(end.result() for end in ends)
    known = one(database)
    assert known.state in {"regressed", "open"}  # whether it was one group or several, it is there
    assert known.last_execution_id == third


@given(st.text(max_size=30), st.text("0123456789", max_size=5), st.text("0123456789", max_size=5))
def test_numbers_in_a_title_tell_nothing_apart(title: str, first: str, second: str) -> None:
    one_of_them = {"title": f"{title} {first}", "file": "a.py"}
    assert comparing.fingerprint(one_of_them) == comparing.fingerprint({**one_of_them, "title": f"{title} {second}"})


def test_key_file_and_case_tell_findings_apart() -> None:
    several: list[dict[str, Any]] = [
        {"title": "a"}, {"title": "A"}, {"title": "a", "file": "x"}, {"title": "a", "key": "x"}, {"title": "b"},
    ]  # fmt: skip
    assert len({comparing.fingerprint(each) for each in several}) == 5
    assert comparing.fingerprint({"title": "b", "key": "x"}) == comparing.fingerprint(several[3])
