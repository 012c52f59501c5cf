"""What cannot be is refused with one sentence, before anything is written."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from conselho import ids
from conselho.events import log as events
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

KIB = 1024

# What is asked for beside `{"argv": ["x"], "cwd": "/"}`, and a word that the sentence must have.
WISHES: dict[str, tuple[dict[str, Any], str]] = {
    "no argv": ({"argv": None}, "argv"),
    "an empty argv": ({"argv": []}, "argv"),
    "an empty program": ({"argv": [""]}, "argv"),
    "argv as a line": ({"argv": "ls -l"}, "argv"),
    "a NUL in argv": ({"argv": ["ls", "a\0b"]}, "NUL"),
    "half a character in argv": ({"argv": ["ls", "\ud800"]}, "half a character"),
    "too much argv": ({"argv": ["x" * 600 * KIB]}, "512 KiB"),
    "too long a prompt": ({"prompt": "x" * (512 * KIB + 1)}, "512 KiB"),
    "too long a prompt in bytes": ({"prompt": "é" * (256 * KIB + 1)}, "512 KiB"),
    "too long a prompt as an argument": ({"argv": ["x", "{prompt}"], "prompt": "x" * (100 * KIB + 1)}, "100 KiB"),
    "a NUL in the prompt": ({"prompt": "\0"}, "prompt"),
    "a directory without a root": ({"cwd": "src"}, "cwd"),
    "an empty directory": ({"cwd": ""}, "cwd"),
    "a NUL in the directory": ({"cwd": "/a\0b"}, "cwd"),
    "a timeout of half a second": ({"timeout_seconds": 0.5}, "timeout_seconds"),
    "a timeout of more than a week": ({"timeout_seconds": 604801}, "timeout_seconds"),
    "a timeout in words": ({"timeout_seconds": "soon"}, "timeout_seconds"),
    "a timeout that is no number": ({"timeout_seconds": float("nan")}, "timeout_seconds"),
    "a timeout without end": ({"timeout_seconds": float("inf")}, "timeout_seconds"),
    "an idle timeout of nothing": ({"idle_timeout_seconds": 0}, "idle_timeout_seconds"),
    "an unknown provider": ({"provider": "oracle"}, "'oracle': known are claude"),
    "an unknown agent": ({"agent": "nobody"}, "'nobody'"),
    "a field there is not": ({"arguments": ["x"]}, "arguments"),
    "an origin of one's own": ({"origin": "schedule"}, "origin"),
    "too high a priority": ({"priority": 1001}, "priority"),
    "a huge priority": ({"priority": 10**30}, "priority"),
    "no accepted exit code": ({"accepted_exit_codes": []}, "accepted_exit_codes"),
    "an exit code there is not": ({"accepted_exit_codes": [256]}, "accepted_exit_codes"),
    "a moment without a zone": ({"not_before": "2026-01-01T00:00:00"}, "not_before needs a time zone"),
    "a moment before all": ({"not_before": "0001-01-01T00:00:00+10:00"}, "not_before must lie between"),
    "a moment after all": ({"start_before": "9999-12-31T23:59:59-10:00"}, "start_before must lie between"),
    "an end before its beginning": (
        {"not_before": "2030-01-02T00:00:00Z", "start_before": "2030-01-01T00:00:00Z"},
        "start_before must be later",
    ),
    "a variable with a sign in its name": ({"env": {"A=B": "x"}}, "A=B"),
    "too large an environment": ({"env": {"A": "x" * 129 * KIB}}, "128 KiB"),
    "too long a title": ({"title": "x" * 201}, "200 characters"),
    "a context that is a list": ({"context": [1]}, "context"),
    "a context with a NUL": ({"context": {"a": ["\0"]}}, "context"),
    "a context with half a character as a key": ({"context": {"\ud800": 1}}, "context"),
    "a context with what is no number": ({"context": {"a": float("nan")}}, "context"),
}
# Bodies that are no wish at all.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half of JSON": b'{"argv": ["x"',
    "no JSON": b"argv=x",
    "no UTF-8": b"\xff\xfe\x00",
    "a list": b"[]",
    "null": b"null",
    "JSON nested without end": b'{"argv": ["x"], "cwd": "/", "context": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "a number of five thousand digits": b'{"argv": ["x"], "cwd": "/", "priority": 1' + b"0" * 5000 + b"}",
}
QUERIES: dict[str, tuple[str, str]] = {
    "a state there is not": ("status=done", "succeeded"),
    "an empty state": ("status=", "status"),
    "a severity there is not": ("severity=bad", "warning"),
    "an origin there is not": ("origin=%00", "origin"),
    "an agent with a NUL": ("agent=%00", "agent"),
    "a cursor that is none": ("after=nowhere", "cursor"),
    "a cursor of something else": ("after=aGVsbG8", "cursor"),
    "a cursor that is no ASCII": ("after=%C3%A9", "cursor"),
    "no rows": ("limit=0", "limit"),
    "too many rows": ("limit=201", "limit"),
    "a number too large to count": ("limit=" + "9" * 5000, "limit"),
    "a time in words": ("since=yesterday", "since"),
    "a time without a zone": ("since=2026-01-01T00:00:00", "since needs a time zone"),
    "a day": ("until=2026-01-01", "until needs a time zone"),
    "a time before all": ("since=0001-01-01T00:00:00%2B10:00", "since must lie between"),
    "a time after all": ("until=9999-12-31T23:59:59-10:00", "until must lie between"),
}
# Ids that are none, in a path.
STRANGERS = (
    "nobody",
    "%00",
    "%FF",
    "x" * 2000,
    "0193f5c0-0000-7000-8000-00000000ABCD",
    "0193f5c0-0000-7000-8000-00000000abcd",
)
JSON = {"Content-Type": "application/json"}


def is_problem(answer: httpx.Response, *statuses: int) -> bool:
    """Whether it is problem+json with one sentence that names nothing of our insides."""
    if answer.status_code not in statuses or answer.headers["Content-Type"] != "application/problem+json":
        return False
    told = answer.json()
    sentence = str(told["detail"])
    is_whole = set(told) == {"type", "title", "status", "detail", "code"} and told["status"] == answer.status_code
    return is_whole and 0 < len(sentence) < 500 and "\n" not in sentence and "Traceback" not in sentence


async def assert_nothing_was_written(desk: Desk) -> None:
    assert await desk.count() == 0
    assert await desk.runtime.database.read(events.last_id) == 0


@on_a_loop
async def test_a_wish_that_cannot_be_is_422_and_says_why(settings: Settings) -> None:
    async with served(settings) as desk:
        for name, (wish, word) in WISHES.items():
            body = json.dumps({"argv": ["x"], "cwd": "/"} | wish, ensure_ascii=name != "too long a prompt in bytes")
            answer = await desk.http.post("/executions", content=body, headers=JSON)
            assert is_problem(answer, 422), (name, answer.status_code, answer.text)
            assert word in answer.json()["detail"], (name, answer.text)
        await assert_nothing_was_written(desk)


@on_a_loop
async def test_a_body_that_is_none_is_a_problem_too(settings: Settings) -> None:
    async with served(settings) as desk:
        for name, body in BODIES.items():
            answer = await desk.http.post("/executions", content=body, headers=JSON)
            assert is_problem(answer, 400, 422), (name, answer.status_code, answer.text)
        await assert_nothing_was_written(desk)


@on_a_loop
async def test_an_idempotency_key_that_is_none_is_refused(settings: Settings) -> None:
    async with served(settings) as desk:
        for key in ("", "x" * 201):
            answer = await desk.http.post(
                "/executions", json={"argv": ["x"], "cwd": "/"}, headers={"Idempotency-Key": key}
            )
            assert is_problem(answer, 422), answer.text
            assert "Idempotency-Key" in answer.json()["detail"]
        await assert_nothing_was_written(desk)


@on_a_loop
async def test_a_filter_or_cursor_that_is_none_is_422_and_says_what_there_is(settings: Settings) -> None:
    async with served(settings) as desk:
        for name, (query, word) in QUERIES.items():
            answer = await desk.http.get(f"/executions?{query}")
            assert is_problem(answer, 422), (name, answer.status_code, answer.text)
            assert word in answer.json()["detail"], (name, answer.text)


@on_a_loop
async def test_an_execution_there_is_not_is_404_whatever_is_asked_of_it(settings: Settings) -> None:
    async with served(settings) as desk:
        for stranger in STRANGERS:
            asked = [
                await desk.http.get(f"/executions/{stranger}"),
                await desk.http.get(f"/executions/{stranger}/log"),
                await desk.http.get(f"/executions/{stranger}/log/stream"),
                await desk.http.post(f"/executions/{stranger}/cancel"),
                await desk.http.post(f"/executions/{stranger}/retry"),
            ]
            assert [is_problem(answer, 404) for answer in asked] == [True] * 5, (stranger, asked)
        await assert_nothing_was_written(desk)


@on_a_loop
async def test_a_place_in_a_log_that_is_none_is_422_and_one_behind_its_end_is_empty(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make()
        for query in ("after=-1", "after=x", "limit=0", "limit=1001"):
            answer = await desk.http.get(f"/executions/{execution_id}/log?{query}")
            assert is_problem(answer, 422), (query, answer.text)
        for after in (1, 2**31 - 1, 2**31, 2**63, 10**40):
            answer = await desk.http.get(f"/executions/{execution_id}/log?after={after}")
            assert (answer.status_code, answer.json()) == (
                200,
                {"items": [], "next": None, "last_seq": 0, "total": 0, "log_purged_at": None},
            ), after
        answer = await desk.http.get(f"/executions/{execution_id}/log/stream", headers={"Last-Event-ID": "x"})
        assert is_problem(answer, 422)


@on_a_loop
async def test_a_directory_that_leads_round_in_a_circle_is_for_the_run_to_find(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    async with served(settings) as desk:
        shown = (await desk.http.get(f"/executions/{await desk.make(cwd=str(tmp_path / 'circle'))}")).json()
        assert (shown["status"], shown["cwd"]) == ("queued", str(tmp_path / "circle"))


@on_a_loop
async def test_what_is_allowed_to_the_last_byte_is_taken(settings: Settings) -> None:
    async with served(settings) as desk:
        for wish in (
            {"prompt": "x" * 512 * KIB},
            {"argv": ["x", "{prompt}"], "prompt": "x" * 100 * KIB},
            {"timeout_seconds": 1},
            {"timeout_seconds": 604800},
            {"priority": -1000},
            {"title": "é" * 200},
            {"cwd": "/" + "/".join(f"{number:x}" * 40 for number in range(100))},  # no system has such a path
        ):
            answer = await desk.http.post("/executions", json={"argv": ["x"], "cwd": "/"} | wish)
            assert answer.status_code == 202, answer.text
        assert await desk.count() == 7


@pytest.mark.parametrize("path", ["/nowhere", "/executions/x/y/z", "http://conselho/api", "http://conselho/.env"])
@on_a_loop
async def test_a_path_there_is_not_is_404(settings: Settings, path: str) -> None:
    async with served(settings) as desk:
        assert is_problem(await desk.http.get(path), 404)


@on_a_loop
async def test_a_method_that_a_path_does_not_know_is_405_and_says_which_it_does(settings: Settings) -> None:
    async with served(settings) as desk:
        answer = await desk.http.delete(f"/executions/{ids.new()}")
        assert is_problem(answer, 405)
        assert "GET" in answer.headers["Allow"]
