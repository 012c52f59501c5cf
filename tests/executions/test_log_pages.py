"""A log read page by page, searched, and never more at once than a page may be."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from conselho import errors
from conselho.db.session import Database
from conselho.executions import log_pages, logs
from conselho.executions.log_pages import Wish
from tests.executions.making import make_running

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MIB = 1024 * 1024


def make_log(database: Database, lines: list[tuple[str, str]]) -> str:
    """An execution whose log says just this: (kind, text)."""
    execution_id = make_running(database)
    for first in range(0, len(lines), 100):
        portion = [logs.Line(AT, kind, text) for kind, text in lines[first : first + 100]]
        assert database.submit(logs.append, logs.pack(execution_id, 1, first + 1, portion)).result()
    return execution_id


def page(database: Database, execution_id: str, **wish: Any) -> dict[str, Any]:
    """A page, which is never larger than it may be."""
    body = database.fetch(log_pages.page, execution_id, Wish(**wish)).result()
    assert len(body) <= log_pages.PAGE_BYTES_MAX
    found: dict[str, Any] = json.loads(body)
    return found


def pages(database: Database, execution_id: str, **wish: Any) -> Iterator[dict[str, Any]]:
    """Page by page, as a client goes on."""
    after: int | None = 0
    while after is not None:
        found = page(database, execution_id, after=after, **wish)
        yield found
        assert found["next"] is None or found["next"] > after
        after = found["next"]


def seqs(found: dict[str, Any]) -> list[int]:
    return [item["seq"] for item in found["items"]]


def test_a_page_says_how_far_the_log_goes_and_where_to_go_on(database: Database) -> None:
    execution_id = make_log(database, [("stdout", str(number)) for number in range(1, 251)])
    found = page(database, execution_id, after=120, limit=30)
    assert (seqs(found), found["next"]) == (list(range(121, 151)), 150)
    assert (found["last_seq"], found["total"]) == (250, 250)
    assert found["items"][0] == {"seq": 121, "at": "2026-03-02T09:00:00Z", "kind": "stdout", "text": "121"}


def test_the_last_page_has_no_next_one_also_when_it_is_just_full(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "x")] * 200)
    assert page(database, execution_id, after=100, limit=100)["next"] is None
    assert page(database, execution_id, after=200)["next"] is None
    assert page(database, execution_id, after=2**31)["items"] == []


def test_going_on_shows_every_line_once(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "x")] * 333)
    assert [seq for found in pages(database, execution_id, limit=50) for seq in seqs(found)] == list(range(1, 334))


@pytest.mark.parametrize("text", ["x" * 60_000, "\x01" * 10_000, "é" * 30_000, "\udcff" * 20_000, '"' * 32_000])
def test_a_page_is_at_most_1_mib_however_its_lines_are_written(database: Database, text: str) -> None:
    execution_id = make_log(database, [("stdout", text)] * 60)
    found = list(pages(database, execution_id, limit=1000))
    assert len(found) > 1
    assert [seq for each in found for seq in seqs(each)] == list(range(1, 61))


def test_the_longest_line_goes_into_a_page(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "\x01" * 64 * 1024)] * 3)
    assert [seqs(found) for found in pages(database, execution_id)] == [[1, 2], [3]]


def test_lines_of_a_kind_and_lines_with_a_text(database: Database) -> None:
    lines = [("stderr" if number % 3 == 0 else "stdout", f"Line {number} ÉTÉ") for number in range(1, 31)]
    execution_id = make_log(database, lines)
    assert seqs(page(database, execution_id, kind="stderr")) == list(range(3, 31, 3))
    assert seqs(page(database, execution_id, q="line 2 ")) == [2]
    assert seqs(page(database, execution_id, q="été", limit=2)) == [1, 2]
    assert seqs(page(database, execution_id, kind="stderr", q="LINE 1")) == [12, 15, 18]
    nothing = page(database, execution_id, kind="tool")
    assert (nothing["items"], nothing["next"], nothing["total"]) == ([], None, 30)


def test_a_search_goes_on_where_it_ended(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "needle" if number % 50 == 0 else "hay") for number in range(1, 501)])
    found = list(pages(database, execution_id, q="needle", limit=3))
    assert [seqs(each) for each in found] == [[50, 100, 150], [200, 250, 300], [350, 400, 450], [500]]


def test_a_search_looks_through_a_portion_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "SCAN_LINES_MAX", 150)
    execution_id = make_log(database, [("stdout", "needle" if number == 399 else "hay") for number in range(1, 401)])
    found = list(pages(database, execution_id, q="needle"))
    assert [(seqs(each), each["next"]) for each in found] == [([], 150), ([], 300), ([399], None)]


def test_a_search_through_long_lines_ends_by_their_length(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "x" * 60_000)] * 200)
    first = page(database, execution_id, q="needle")
    assert first["items"] == []
    assert log_pages.SCAN_CHARACTERS_MAX < first["next"] * 60_000 < log_pages.SCAN_CHARACTERS_MAX + 120_000


def test_what_is_no_unicode_is_found_and_shown_as_what_replaces_it(database: Database) -> None:
    execution_id = make_log(database, [("stdout", "caf\udce9")])
    found = page(database, execution_id, q="caf\ufffd")
    assert found["items"][0]["text"] == "caf\ufffd"


def test_data_that_no_other_json_holds_is_told_all_the_same(database: Database) -> None:
    execution_id = make_running(database)
    line = logs.Line(AT, "tool", "x", {"half": "\ud800", "huge": 10**30})
    assert database.submit(logs.append, logs.pack(execution_id, 1, 1, [line])).result()
    (item,) = page(database, execution_id)["items"]
    assert (item["at"], item["data"]) == ("2026-03-02T09:00:00Z", {"half": "?", "huge": 10**30})


@pytest.mark.parametrize("stranger", ["0193f5c0-0000-7000-8000-00000000abcd", "nobody", "\0"])
def test_the_log_of_nobody_is_not_found(database: Database, stranger: str) -> None:
    with pytest.raises(errors.NotFound):
        page(database, stranger)
