"""Events as server-sent messages: each once, in order, whatever is cut, pruned or restored in between."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from conselho import clock, ids, supervisor
from conselho.db.session import Tx
from conselho.events import broadcast, log, sse, stream, views
from conselho.events.models import Epoch
from conselho.events.tail import News
from conselho.executions import logs
from conselho.settings import Settings
from tests.executions.making import make_running
from tests.looping import on_a_loop, until
from tests.server.desk import PATIENCE_SECONDS, Desk, served
from tests.server.hearing import Message, lose, messages

LIFE = ["execution.queued", "execution.claimed", "execution.started", "execution.finished"]


@asynccontextmanager
async def following(desk: Desk, after: str | None = None, **query: str) -> AsyncIterator[AsyncIterator[Message]]:
    """What is heard behind the first message, which says where the stream begins."""
    headers = {} if after is None else {"Last-Event-ID": after}
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        desk.http.stream("GET", "/events/stream", params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        heard = messages(answer)
        assert (await anext(heard)).event is None
        yield heard


async def happen(desk: Desk, *words: str, kind: str = "card.moved") -> None:
    """Have something happen, in one commit."""

    def append(tx: Tx) -> None:
        for word in words:
            log.append(tx, kind, data={"word": word})

    await desk.runtime.database.write(append)


async def words_heard(heard: AsyncIterator[Message], count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        message = await anext(heard)
        if message.event is not None:
            assert message.data["id"] == message.id
            found.append(message.data["data"]["word"])
    return found


async def now(desk: Desk) -> str:
    """Behind everything that has happened."""
    return str((await desk.http.get("/executions")).json()["as_of"])


@on_a_loop
async def test_the_life_of_a_run_is_heard_in_order(settings: Settings) -> None:
    async with served(settings, works=True) as desk, following(desk, topics="executions") as heard:
        made = await desk.make("true")
        life = [await anext(heard) for _ in LIFE]
    assert [each.event for each in life] == LIFE
    assert {each.data["execution_id"] for each in life} == {made}
    numbers = [int(str(each.id).rpartition("-")[2]) for each in life]
    assert numbers == sorted(set(numbers))
    assert life[-1].data["data"]["status"] == "succeeded"


@on_a_loop
async def test_only_what_was_asked_for_is_heard(settings: Settings) -> None:
    async with served(settings) as desk, following(desk, topics="workers,cards") as heard:
        await desk.make("true")
        await happen(desk, "wanted")
        assert await words_heard(heard, 1) == ["wanted"]


@on_a_loop
async def test_the_lines_of_a_log_come_in_the_same_stream(settings: Settings) -> None:
    async with served(settings) as desk:
        made = await asyncio.to_thread(make_running, desk.runtime.database)

        async def say(seq: int, *texts: str) -> None:
            lines = [logs.Line(clock.now(), "stdout", text) for text in texts]
            assert await desk.runtime.database.write(logs.append, logs.pack(made, 1, seq, lines))

        await say(1, "one", "two")
        async with following(desk, topics=f"cards,log:{made}@1") as heard:
            two = await anext(heard)
            assert (two.event, two.id, two.data["seq"], two.data["text"]) == ("log", None, 2, "two")
            assert two.data["execution_id"] == made
            await say(3, "three")
            assert (await anext(heard)).data["text"] == "three"
            await happen(desk, "an event")
            assert await words_heard(heard, 1) == ["an event"]
            await say(4, "four", "five")
            assert [(await anext(heard)).data["seq"] for _ in range(2)] == [4, 5]
        stranger = ids.new()
        answer = await desk.http.get("/events/stream", params={"topics": f"log:{stranger}"})
        assert answer.status_code == 404
        for wrong in (f"log:{made}@x", "log:7@1", ",".join(f"log:{ids.new()}@0" for _ in range(21))):
            assert (await desk.http.get("/events/stream", params={"topics": wrong})).status_code == 422
        assert (await desk.http.get("/events", params={"topics": f"log:{made}"})).status_code == 422


@on_a_loop
async def test_what_happened_meanwhile_is_heard_by_whoever_comes_back(settings: Settings) -> None:
    async with served(settings) as desk:
        await happen(desk, "long ago")
        seen = await now(desk)
        await happen(desk, "a", "b")
        await happen(desk, "c")
        async with following(desk, seen) as heard:
            assert await words_heard(heard, 3) == ["a", "b", "c"]
            await happen(desk, "d")
            message = await anext(heard)
            assert message.data["data"]["word"] == "d"
        async with following(desk, message.id) as heard:
            await happen(desk, "e")
            assert await words_heard(heard, 1) == ["e"]
        async with following(desk, after=None) as heard:
            await happen(desk, "from now on")
            assert await words_heard(heard, 1) == ["from now on"]


@on_a_loop
async def test_a_watcher_that_is_cut_again_and_again_has_seen_each_once_and_in_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "RING_EVENTS_MAX", 40)  # so that the table is read, too
    total, draw = 1_500, random.Random(20260302)
    async with served(settings) as desk:

        async def write() -> None:
            number = 0
            while number < total:
                some = [str(each) for each in range(number, min(total, number + draw.randint(1, 9)))]
                await happen(desk, *some)
                number += len(some)

        seen: dict[str, str] = {}
        last = await now(desk)
        writing = asyncio.ensure_future(write())
        cuts = 0
        while len(seen) < total:
            async with following(desk, last) as heard:
                for _ in range(draw.randint(0, 60)):
                    message = await anext(heard)
                    assert message.event == "card.moved"
                    assert message.id is not None
                    last = message.id
                    assert last not in seen, "a second time"
                    seen[last] = message.data["data"]["word"]
                    if len(seen) == total:
                        break
            cuts += 1
        await writing
        assert list(seen.values()) == [str(number) for number in range(total)]
        assert cuts > total / 60


@on_a_loop
async def test_of_two_processes_that_write_everything_is_heard(settings: Settings, tmp_path_factory: Any) -> None:
    """On PostgreSQL; SQLite's file belongs to one process."""
    if settings.database_url is None or not settings.database_url.startswith("postgresql"):
        return
    other = settings.model_copy(update={"data_dir": tmp_path_factory.mktemp("other")})
    async with served(settings) as here, served(other) as there, following(here, await now(here)) as heard:
        await asyncio.gather(*(happen(desk, str(n)) for n in range(100) for desk in (here, there)))
        found = await words_heard(heard, 200)
    assert sorted(found) == sorted([str(n) for n in range(100)] * 2)


@pytest.mark.parametrize("reason", ["epoch", "unknown", "expired"])
@on_a_loop
async def test_who_cannot_go_on_is_told_to_begin_anew_and_hears_what_comes(settings: Settings, reason: str) -> None:
    async with served(settings) as desk:
        await happen(desk, "a", "b", "c", kind="delivery.sent")
        seen = await now(desk)
        asked = await lose(desk, seen, reason, beyond=5)
        async with following(desk, asked) as heard:
            reset = await anext(heard)
            assert (reset.event, reset.id, reset.data) == ("reset", seen, {"reason": reason, "as_of": seen})
            await happen(desk, "after that")
            assert await words_heard(heard, 1) == ["after that"]
        answer = await desk.http.get("/events", params={"after": asked})
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")


@on_a_loop
async def test_who_watches_while_another_history_begins_is_told(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:
        await happen(desk, "before")
        assert await words_heard(heard, 1) == ["before"]

        def restore(tx: Tx) -> None:
            tx.execute(update(Epoch).values(name="another"))
            log.append(tx, "card.moved", data={"word": "lost"})

        await desk.runtime.database.write(restore)
        reset = await anext(heard)
        assert (reset.event, reset.data["reason"]) == ("reset", "epoch")
        await happen(desk, "after")
        assert await words_heard(heard, 1) == ["after"]


@on_a_loop
async def test_without_a_single_signal_events_are_found_by_looking(settings: Settings) -> None:
    async with served(settings.model_copy(update={"poll_seconds": 0.05})) as desk:
        desk.runtime.signals.bind(None)
        async with following(desk) as heard:
            await happen(desk, "unannounced")
            assert await words_heard(heard, 1) == ["unannounced"]


@on_a_loop
async def test_a_view_that_fails_holds_up_nobody_who_watches_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FAILURE_WAIT_SECONDS", 3600.0)  # who is held up by it is so for good
    tries: list[int] = []

    def fail(tx: Tx, after: int, limit: int) -> News:
        tries.append(after)
        raise ZeroDivisionError

    async with served(settings) as desk, following(desk) as heard:
        failing = desk.runtime.broadcast.beside(replace(views.PLAIN, behind=fail))
        async with failing.watched():
            for word in ("one", "two", "three"):
                await happen(desk, word)
                assert await words_heard(heard, 1) == [word]
            assert tries


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"topics": "executions,nonsense"}, "nonsense"),
        ({"topics": ""}, "topic"),
        ({"after": "12"}, "'12' names no event"),
        ({"after": "abc-99999999999999999999"}, "names no event"),
        ({"after": "é-1"}, "names no event"),
    ],
)
@on_a_loop
async def test_what_makes_no_sense_is_refused_before_the_stream_begins(
    settings: Settings, query: dict[str, str], said: str
) -> None:
    async with served(settings) as desk:
        for path in ("/events/stream", "/events"):
            answer = await desk.http.get(path, params=query)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
            assert said in answer.json()["detail"]
        answer = await desk.http.get("/events/stream", headers={"Last-Event-ID": "nonsense"})
        assert answer.status_code == 422


@on_a_loop
async def test_one_client_has_so_many_streams_and_then_no_more_until_it_closes_one(settings: Settings) -> None:
    async with served(settings.model_copy(update={"streams_per_client_max": 2})) as desk, following(desk):
        async with following(desk):
            answer = await desk.http.get("/events/stream")
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
        await until(lambda: desk.runtime.broadcast.watching == 1)
        async with following(desk) as heard:
            await happen(desk, "again")
            assert await words_heard(heard, 1) == ["again"]


@on_a_loop
async def test_a_silent_stream_says_that_it_lives_and_how_far_it_has_come(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
    async with served(settings) as desk, following(desk, topics="workers") as heard:
        await happen(desk, "unwanted")
        expected = await now(desk)
        async for message in heard:
            assert message.event is None
            if message.id == expected:
                break


@on_a_loop
async def test_a_stream_ends_by_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAM_SECONDS", 0.2)
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
    async with served(settings) as desk, following(desk) as heard:
        assert {message.event async for message in heard} <= {None}


@on_a_loop
async def test_when_the_server_stops_streams_end_at_once(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:
        desk.runtime.signals.close()
        assert [message async for message in heard] == []


@on_a_loop
async def test_who_watches_holds_no_connection_while_nothing_happens(settings: Settings) -> None:
    async with served(settings) as desk, following(desk), following(desk):
        await until(lambda: desk.runtime.database._readers.waiting == 0)


@on_a_loop
async def test_who_takes_nothing_is_hung_up_on_and_costs_the_others_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "STALLED_SECONDS", 0.2)
    monkeypatch.setattr(sse, "LOOK_SECONDS", 0.1)
    async with served(settings) as desk, following(desk) as heard:
        host, port = httpx.URL(desk.url).host, httpx.URL(desk.url).port
        with socket.create_connection((host, port)) as stuck:
            stuck.sendall(f"GET /api/v1/events/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            await until(lambda: desk.runtime.broadcast.watching == 2)
            count = 0
            while desk.runtime.broadcast.watching == 2:
                await happen(desk, "x" * 50_000)
                count += 1
                assert len((await words_heard(heard, 1))[0]) == 50_000
        assert count * 50_000 < 20_000_000, "what piled up for it is bounded"


@on_a_loop
async def test_events_are_read_page_by_page(settings: Settings) -> None:
    async with served(settings) as desk:
        await happen(desk, *(str(number) for number in range(25)))
        found, after = [], None
        while True:
            query = {"limit": "10", "topics": "cards"} | ({} if after is None else {"after": after})
            page = (await desk.http.get("/events", params=query)).json()
            found += [item["data"]["word"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert found == [str(number) for number in range(25)]
        assert page["as_of"] == await now(desk)


@on_a_loop
async def test_an_older_client_that_knows_no_chunks_is_sent_none(settings: Settings) -> None:
    async with served(settings) as desk, asyncio.timeout(PATIENCE_SECONDS):
        host, port = httpx.URL(desk.url).host, httpx.URL(desk.url).port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /api/v1/events/stream HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert (await reader.readuntil(b"\n\n")).startswith(b"retry: ")
        await happen(desk, "told")
        message = await reader.readuntil(b"\n\n")
        assert message.startswith((b"event: ", b"id: "))
        assert b"told" in message
        writer.close()


@on_a_loop
async def test_at_a_stop_who_takes_nothing_is_not_waited_for(settings: Settings) -> None:
    async with served(settings) as desk, following(desk):
        host, port = httpx.URL(desk.url).host, httpx.URL(desk.url).port
        with socket.create_connection((host, port)) as stuck:
            stuck.sendall(f"GET /api/v1/events/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            await until(lambda: desk.runtime.broadcast.watching == 2)
            for _ in range(100):
                await happen(desk, "x" * 100_000)
            desk.runtime.signals.close()
            desk.app.state.watchers.hang_up()
            await until(lambda: desk.runtime.broadcast.watching == 0)
