"""The older stream over HTTP: runs in the older words, each change once, whatever is cut in between."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from conselho import ids
from conselho.db.session import Tx
from conselho.events import broadcast, log, stream
from conselho.events.broadcast import Broadcast
from conselho.events.models import Epoch
from conselho.executions import queue
from conselho.legacy import events as councilor_events
from conselho.settings import Settings
from tests.conftest import Clock
from tests.executions.making import cancel, make_ended, make_outcome, make_queued, make_request
from tests.legacy.asking import CONFIG, NAME, PROMOTION, ask, promote
from tests.looping import on_a_loop, until
from tests.server.desk import PATIENCE_SECONDS, Desk, served
from tests.server.hearing import Message, lose, messages

STREAM = "http://conselho/api/councilors/events/stream"
RUN = ["councilor_started", "councilor_execution", "councilor_completed"]
ANA = ids.new()


@asynccontextmanager
async def opened(desk: Desk, after: str | None = None) -> AsyncIterator[httpx.Response]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with asyncio.timeout(PATIENCE_SECONDS), desk.http.stream("GET", STREAM, headers=headers) as answer:
        yield answer


@asynccontextmanager
async def following(desk: Desk, after: str | None = None) -> AsyncIterator[AsyncIterator[Message]]:
    """What is heard behind the first message, which says where the stream begins."""
    async with opened(desk, after) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        heard = messages(answer)
        begin = await anext(heard)
        assert (begin.event, begin.data) == (None, None)
        yield heard


async def run(desk: Desk, title: str = "Look around", councilor: str | None = ANA, **outcome: Any) -> str:
    """A run that is over."""
    asked: dict[str, Any] = {"title": title, "councilor_id": councilor}
    return await asyncio.to_thread(make_ended, desk.runtime.database, make_outcome(**outcome), **asked)


async def happen(desk: Desk) -> None:
    """Something that this stream does not tell."""
    await desk.runtime.database.write(log.append, "card.moved")


async def hear(heard: AsyncIterator[Message], count: int) -> list[Message]:
    return [await anext(heard) for _ in range(count)]


async def now(desk: Desk) -> str:
    """Behind everything that has happened, as the newer doors say it."""
    return str((await desk.http.get("/executions")).json()["as_of"])


def ring(desk: Desk) -> Broadcast:
    found: Broadcast = desk.app.state.councilor_ring
    return found


@on_a_loop
async def test_the_run_of_a_councilor_is_heard_in_order_and_in_the_older_words(settings: Settings) -> None:
    async with served(settings, works=True) as desk, following(desk) as heard:
        request = make_request(title="Look around", councilor_id=ANA)
        made = await desk.runtime.database.write(queue.enqueue, request, ids.new(), None)
        started, execution, completed = await hear(heard, 3)
        found = (await desk.http.get(f"/executions/{made}")).json()
        told = (await desk.http.get("/events", params={"topics": "executions"})).json()["items"]
    assert [each.event for each in (started, execution, completed)] == RUN
    assert started.data == {"councilor_id": ANA, "task_name": "Look around"}
    duration_ms = round(found["duration_seconds"] * 1000)
    assert execution.data == {
        "execution_id": made, "councilor_id": ANA, "task_name": "Look around", "status": "completed",
        "severity": "success", "started_at": found["started_at"], "completed_at": found["completed_at"],
        "duration_ms": duration_ms,
    }  # fmt: skip
    assert completed.data == {"councilor_id": ANA, "severity": "success", "duration_ms": duration_ms}
    assert datetime.fromisoformat(execution.data["started_at"]) <= datetime.fromisoformat(found["completed_at"])
    by_kind = {each["kind"]: each["id"] for each in told}
    assert started.id == by_kind["execution.started"]
    assert completed.id == by_kind["execution.finished"]
    assert execution.id == f"{completed.id}.1"


@on_a_loop
async def test_a_councilor_goes_by_its_agents_slug_and_its_task_by_the_name_it_had_then(settings: Settings) -> None:
    async with served(settings, works=True) as desk, following(desk) as heard:
        body = PROMOTION | {"councilor_config": CONFIG | {"task": CONFIG["task"] | {"context_files": []}}}
        await promote(desk, body=body)
        made = (await ask(desk, "POST", f"{NAME}/execute-now")).json()["execution_id"]
        await ask(desk, "PATCH", f"{NAME}/councilor-config", {"task": {"name": "Another"}})
        started, execution, completed = await hear(heard, 3)
        title = (await desk.http.get(f"/executions/{made}")).json()["title"]
    assert started.data == {"councilor_id": NAME, "task_name": "Verificar arquivos"}
    assert (execution.data["councilor_id"], execution.data["task_name"]) == (NAME, "Verificar arquivos")
    assert execution.data["execution_id"] == made
    assert completed.data["councilor_id"] == NAME
    assert title == "Conselheiro de Qualidade: Verificar arquivos"


@on_a_loop
async def test_a_run_of_nobodys_council_names_no_councilor(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:
        await run(desk, "by hand", councilor=None)
        await happen(desk)
        await run(desk, "a councilor's")
        found = await hear(heard, 6)
    assert [each.event for each in found] == RUN * 2
    assert [each.data["councilor_id"] for each in found] == [None] * 3 + [ANA] * 3
    assert [each.data["task_name"] for each in found if "task_name" in each.data] == [
        "by hand", "by hand", "a councilor's", "a councilor's",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "status", "severity"),
    [
        ({"severity": "warning"}, "completed", "warning"),
        ({"status": "failed", "severity": "error"}, "error", "error"),
        ({"status": "timed_out", "severity": "error"}, "error", "error"),
        ({"status": "cancelled", "severity": "warning"}, "error", "warning"),
        ({"severity": None}, "completed", "info"),
    ],
)
@on_a_loop
async def test_whatever_the_end_it_has_an_older_word(
    settings: Settings, outcome: dict[str, Any], status: str, severity: str
) -> None:
    async with served(settings) as desk, following(desk) as heard:
        await run(desk, **{"duration_seconds": 1.2345} | outcome)
        _, execution, completed = await hear(heard, 3)
    assert (execution.data["status"], execution.data["severity"]) == (status, severity)
    assert execution.data["duration_ms"] == 1234
    assert completed.data == {"councilor_id": ANA, "severity": severity, "duration_ms": 1234}


@on_a_loop
async def test_a_run_that_never_began_ends_without_a_beginning(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:
        database = desk.runtime.database
        made = await asyncio.to_thread(make_queued, database, councilor_id=ANA)
        await asyncio.to_thread(cancel, database, made)
        execution, completed = await hear(heard, 2)
    assert [execution.event, completed.event] == RUN[1:]
    assert execution.data["task_name"] == "Unknown"
    assert (execution.data["status"], execution.data["severity"]) == ("error", "warning")
    assert (execution.data["started_at"], execution.data["duration_ms"]) == (None, None)
    assert execution.data["completed_at"] is not None


@pytest.mark.parametrize("source", ["the ring", "the table"])
@on_a_loop
async def test_behind_any_message_just_those_come_that_followed_it(settings: Settings, source: str) -> None:
    async with served(settings) as desk:
        begin = await now(desk)
        async with following(desk) as heard:  # has the ring filled from here on
            for number in range(3):
                await run(desk, f"run {number}")
            everything = await hear(heard, 9)
            assert len({each.id for each in everything}) == 9
            if source == "the ring":
                await _each_place_goes_on(desk, begin, everything)
        await until(lambda: ring(desk).watching == 0)
        await _each_place_goes_on(desk, begin, everything)


async def _each_place_goes_on(desk: Desk, begin: str, everything: list[Message]) -> None:
    for heard_already, place in enumerate([begin, *(str(each.id) for each in everything)]):
        async with following(desk, place) as heard:
            assert await hear(heard, 9 - heard_already) == everything[heard_already:]
            await happen(desk)
            ring(desk).beat()
            ring(desk).beat()
            assert (await anext(heard)).event == "heartbeat", "and no more of what is over"


@on_a_loop
async def test_a_client_that_is_cut_again_and_again_hears_each_once_and_in_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "RING_EVENTS_MAX", 12)  # so that the table is read, too
    total, draw = 80, random.Random(20261121)
    async with served(settings) as desk:

        async def write() -> None:
            for number in range(total):
                await run(desk, f"run {number}", councilor=ANA)
                await happen(desk)

        last = await now(desk)
        writing = asyncio.ensure_future(write())
        found: list[Message] = []
        cuts = 0
        while len(found) < 3 * total:
            async with following(desk, last) as heard:
                for _ in range(min(draw.randint(0, 8), 3 * total - len(found))):
                    message = await anext(heard)
                    last = str(message.id)
                    if message.event != "heartbeat":
                        found.append(message)
            cuts += 1
        await writing
    assert [each.event for each in found] == RUN * total
    assert [each.data["task_name"] for each in found if each.event == RUN[1]] == [f"run {n}" for n in range(total)]
    assert len({each.id for each in found}) == 3 * total
    assert cuts > 3 * total / 8


@on_a_loop
async def test_two_beats_of_the_server_are_a_heartbeat_which_says_how_far_the_stream_has_come(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert councilor_events.VIEW.beats * stream.BEAT_SECONDS == 30
    monkeypatch.setattr(stream, "BEAT_SECONDS", 3600.0)
    async with served(settings) as desk, following(desk) as heard:
        for second in range(3):
            await happen(desk)
            seen = await now(desk)
            await until(lambda: str(ring(desk).place) == seen)  # noqa: B023 - asked at once
            clock.set(datetime(2026, 3, 2, 9, 0, second, tzinfo=UTC))
            desk.runtime.broadcast.beat()
            desk.runtime.broadcast.beat()
            message = await anext(heard)
            assert (message.event, message.id) == ("heartbeat", seen)
            assert message.data == {"timestamp": f"2026-03-02T09:00:0{second}Z"}
        await run(desk)
        assert (await anext(heard)).event == "councilor_started", "two beats, one heartbeat"


@pytest.mark.parametrize("reason", ["epoch", "unknown", "expired"])
@pytest.mark.parametrize("half", ["", ".1"])
@on_a_loop
async def test_who_cannot_go_on_is_told_so_and_hears_what_comes(settings: Settings, reason: str, half: str) -> None:
    async with served(settings) as desk:
        await run(desk)
        seen = await now(desk)
        asked = await lose(desk, seen, reason)
        async with following(desk, asked + half) as heard:
            reset = await anext(heard)
            assert (reset.event, reset.id, reset.data) == ("reset", seen, {"reason": reason, "as_of": seen})
            await run(desk, "after that")
            found = await hear(heard, 3)
            assert [each.event for each in found] == RUN
            assert found[0].data["task_name"] == "after that"


@on_a_loop
async def test_who_listens_while_another_history_begins_is_told_and_hears_what_comes(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:

        def restore(tx: Tx) -> None:
            tx.execute(update(Epoch).values(name="another"))
            log.append(tx, "card.moved")

        await desk.runtime.database.write(restore)
        reset = await anext(heard)
        assert (reset.event, reset.data["reason"]) == ("reset", "epoch")
        await run(desk, "after that")
        found = await hear(heard, 3)
        assert [each.event for each in found] == RUN
        assert all(re.fullmatch(r"another-\d+(\.1)?", str(each.id)) for each in found)


@pytest.mark.parametrize("wrong", ["12", "nonsense", "abc-1.2", "abc-.1", "abc-99999999999999999999.1"])
@on_a_loop
async def test_what_is_no_id_is_refused(settings: Settings, wrong: str) -> None:
    async with served(settings) as desk, opened(desk, wrong) as answer:
        await answer.aread()
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@on_a_loop
async def test_both_streams_together_have_one_limit_a_client(settings: Settings) -> None:
    async with (
        served(settings.model_copy(update={"streams_per_client_max": 2})) as desk,
        following(desk),
        desk.http.stream("GET", "/events/stream"),
    ):
        answer = await desk.http.get(STREAM)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")


@on_a_loop
async def test_a_stream_ends_by_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAM_SECONDS", 0.2)
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
    async with served(settings) as desk, following(desk) as heard:
        assert {message.event async for message in heard} <= {"heartbeat"}


@on_a_loop
async def test_when_the_server_stops_streams_end_at_once(settings: Settings) -> None:
    async with served(settings) as desk, following(desk) as heard:
        desk.runtime.signals.close()
        assert [message.event async for message in heard] == []


@on_a_loop
async def test_nothing_is_held_while_nothing_happens_nor_read_when_nobody_listens(settings: Settings) -> None:
    async with served(settings) as desk:
        async with following(desk), following(desk):
            await until(lambda: desk.runtime.database._readers.waiting == 0)
            assert ring(desk).watching == 2
            assert desk.runtime.broadcast.watching == 0
        await until(lambda: ring(desk).watching == 0)
        stood = ring(desk).last
        async with desk.http.stream("GET", "/events/stream"):
            await until(lambda: desk.runtime.broadcast.watching == 1)
            before = desk.runtime.broadcast.last
            await run(desk)
            await until(lambda: desk.runtime.broadcast.last > before)
        assert ring(desk).last == stood
