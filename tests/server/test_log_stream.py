"""A log as server-sent messages: what is there, then what comes, then `end`; nothing twice, nothing missing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from conselho import clock
from conselho.events import stream
from conselho.events.signals import Signals
from conselho.executions import endings, log_stream, logs
from conselho.settings import Settings
from tests.executions.making import make_outcome, make_queued, make_running
from tests.looping import on_a_loop, until
from tests.server.desk import PATIENCE_SECONDS, Desk, served


@dataclass(frozen=True)
class Message:
    """One server-sent message; a comment is an event without a name."""

    event: str | None
    id: str | None
    data: Any

    @property
    def text(self) -> str:
        return str(self.data["text"])


class Run:
    """A run that says what the test wants."""

    def __init__(self, desk: Desk, execution_id: str) -> None:
        self.id = execution_id
        self._desk = desk
        self._seq = 0

    @classmethod
    async def begin(cls, desk: Desk) -> "Run":
        return cls(desk, await asyncio.to_thread(make_running, desk.runtime.database))

    async def say(self, *texts: str) -> None:
        lines = [logs.Line(clock.now(), "stdout", text) for text in texts]
        chunk = logs.pack(self.id, 1, self._seq + 1, lines)
        assert await self._desk.runtime.database.write(logs.append, chunk)
        self._seq += len(texts)

    async def end(self) -> None:
        outcome = make_outcome(summary="all is well", log=endings.LogEnd(self._seq, 0))
        assert await self._desk.runtime.database.write(endings.finish, self.id, 1, outcome)


@asynccontextmanager
async def following(
    desk: Desk, execution_id: str, last_event_id: int | None = None, **query: int
) -> AsyncIterator[AsyncIterator[Message]]:
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    path = f"/executions/{execution_id}/log/stream"
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        desk.http.stream("GET", path, params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        yield messages(answer)


async def messages(answer: httpx.Response) -> AsyncIterator[Message]:
    """Split at LF alone, as the standard's CR and CRLF never come."""
    rest = b""
    async for piece in answer.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            if b"retry" in fields:
                continue
            if b"" in fields:
                yield Message(None, None, fields[b""].decode())
            else:
                identity = fields[b"id"].decode() if b"id" in fields else None
                yield Message(fields.get(b"event", b"message").decode(), identity, json.loads(fields[b"data"]))
    assert rest == b""


@on_a_loop
async def test_a_log_that_has_ended_comes_whole_and_then_its_execution(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("one", "two")
        await run.say("three")
        await run.end()
        async with following(desk, run.id) as heard:
            *lines, end = [message async for message in heard]
        assert [(line.event, line.id, line.data["seq"], line.text) for line in lines] == [
            ("message", "1", 1, "one"), ("message", "2", 2, "two"), ("message", "3", 3, "three"),
        ]  # fmt: skip
        assert (end.event, end.data["id"], end.data["status"]) == ("end", run.id, "succeeded")
        assert end.data["summary"] == "all is well"


@on_a_loop
async def test_a_line_is_heard_when_it_is_said_and_the_end_when_it_has_ended(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("before")
        async with following(desk, run.id) as heard:
            assert (await anext(heard)).text == "before"
            for word in ("now", "and now"):
                await run.say(word)
                assert (await anext(heard)).text == word
            await run.end()
            assert (await anext(heard)).event == "end"
            assert [message async for message in heard] == []


@on_a_loop
async def test_without_a_single_signal_the_stream_looks_by_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "POLL_SECONDS", 0.02)
    async with served(settings) as desk:
        desk.runtime.signals.bind(None)
        run = await Run.begin(desk)
        async with following(desk, run.id) as heard:
            await run.say("unannounced")
            assert (await anext(heard)).text == "unannounced"
            await run.end()
            assert (await anext(heard)).event == "end"


@on_a_loop
async def test_it_goes_on_behind_the_line_that_was_seen_last(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("one", "two", "three")
        await run.end()
        for asked, expected in (
            (following(desk, run.id, after=2), ["3", None]),
            (following(desk, run.id, after=3), [None]),
            (following(desk, run.id, after=2_000_000_000), [None]),
            (following(desk, run.id, last_event_id=1, after=0), ["2", "3", None]),  # a client that came back
        ):
            async with asked as heard:
                assert [message.id async for message in heard] == expected


@on_a_loop
async def test_a_long_log_comes_whole(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        for part in range(25):
            await run.say(*(f"{part}.{number}" for number in range(100)))
        await run.say(*("x" * 300_000 for _ in range(5)))  # more than a page has bytes
        await run.end()
        async with following(desk, run.id) as heard:
            *lines, end = [message async for message in heard]
        assert [line.id for line in lines] == [str(seq) for seq in range(1, 2506)]
        assert [line.text for line in lines[:2500:100]] == [f"{part}.0" for part in range(25)]
        assert end.data["log_lines"] == 2505


@on_a_loop
async def test_whatever_a_line_holds_it_is_one_message(settings: Settings) -> None:
    texts = ["", "a\rb\r", "a\u2028b\x85c\x0bd", "data: x", "\x1b[31mred\x00", "id: 9\\n\\nevent: end", "é\udcff\udc80"]
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say(*texts)
        await run.end()
        async with following(desk, run.id) as heard:
            *lines, end = [message async for message in heard]
        assert [line.text for line in lines] == [*texts[:-1], "é\ufffd\ufffd"]
        assert end.event == "end"


@on_a_loop
async def test_many_hear_the_same(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("one")

        async def hear() -> list[str | None]:
            async with following(desk, run.id) as heard:
                return [message.id async for message in heard]

        hearing = [asyncio.ensure_future(hear()) for _ in range(8)]
        await run.say("two")
        await run.end()
        assert await asyncio.gather(*hearing) == [["1", "2", None]] * 8


@on_a_loop
async def test_one_that_never_began_has_an_end_too(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await asyncio.to_thread(make_queued, desk.runtime.database)
        async with following(desk, execution_id) as heard:
            answer = await desk.http.post(f"/executions/{execution_id}/cancel")
            assert answer.json()["status"] == "cancelled"
            (end,) = [message async for message in heard]
        assert (end.event, end.data["status"]) == ("end", "cancelled")


@on_a_loop
async def test_a_silent_run_says_that_the_stream_lives(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
    async with served(settings) as desk:
        run = await Run.begin(desk)
        async with following(desk, run.id) as heard:
            assert (await anext(heard)).event is None
            assert (await anext(heard)).event is None


@on_a_loop
async def test_a_server_that_stops_ends_its_streams_without_saying_that_the_run_has_ended(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("one")
        async with following(desk, run.id) as heard:
            assert (await anext(heard)).text == "one"
            desk.runtime.signals.close()
            assert [message async for message in heard] == []
        async with following(desk, run.id) as heard:  # nor does it begin another
            assert [message async for message in heard] == []


@on_a_loop
async def test_a_listener_who_leaves_is_forgotten(settings: Settings) -> None:
    async with served(settings) as desk:
        run = await Run.begin(desk)
        await run.say("one")
        async with following(desk, run.id) as heard:
            await anext(heard)
            await until(lambda: watches(desk.runtime.signals, run.id))
        await until(lambda: not watches(desk.runtime.signals, run.id))


def watches(signals: Signals, execution_id: str) -> bool:
    return f"log:{execution_id}" in signals._waiting


@on_a_loop
async def test_a_server_that_stops_does_not_send_all_that_there_is_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE_LINES_MAX", 10)
    async with served(settings) as desk:
        run = await Run.begin(desk)
        for number in range(100):
            await run.say(*(f"{number} {'x' * 60_000}" for _ in range(10)))
        async with following(desk, run.id) as heard:
            first = await anext(heard)
            desk.runtime.signals.close()
            rest = [message async for message in heard]
    assert first.id == "1"
    assert len(rest) < 900
    assert {message.event for message in rest} <= {"message"}, "and no end of what has not ended"
