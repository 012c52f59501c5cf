"""Much at once: one key asked for many times, full queues, and somebody else's large log."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import func, select

from conselho import clock
from conselho.db import reader, waiting
from conselho.db.session import Tx, bulk
from conselho.executions import endings, logs, queue
from conselho.executions.models import Execution
from conselho.server import guard
from conselho.settings import Settings
from tests.executions.making import make_running
from tests.looping import on_a_loop, until
from tests.server.desk import Desk, served

WISH = {"argv": ["true"], "cwd": "/"}
MANY = 200


class Held:
    """A writer that is busy with one unit until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self, _: Tx) -> None:
        self.began.set()
        assert self.go.wait(30)


@contextmanager
def held_writer(desk: Desk) -> Iterator[Held]:
    """Whatever is written now waits until the end of the body, or until it is let go."""
    held = Held()
    desk.runtime.database.submit(held)
    assert held.began.wait(30)
    try:
        yield held
    finally:
        held.go.set()


def wishes_that_wait(desk: Desk) -> int:
    """How many wait for the writer; the supervisor's own units may be among what else waits there."""
    return sum(job.unit is queue.enqueue for job in list(desk.runtime.database._writer._waiting._small))


async def post(desk: Desk, key: str | None = None, **wish: object) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await desk.http.post("/executions", json=WISH | wish, headers=headers)


@on_a_loop
async def test_one_key_asked_for_200_times_at_once_is_one_run_and_200_equal_answers(settings: Settings) -> None:
    async with served(settings, works=True) as desk:
        answers = await asyncio.gather(*(post(desk, "the same") for _ in range(MANY)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
        assert await desk.count() == 1
        one = answers[0].json()
        ended = (await desk.http.get(f"/executions/{one['id']}", params={"wait": 60})).json()
        assert (one["status"], ended["status"]) == ("queued", "succeeded")
        assert (await post(desk, "the same")).content == answers[0].content, "also when it has ended"


@on_a_loop
async def test_one_key_with_other_bodies_is_for_the_first_of_them(settings: Settings) -> None:
    async with served(settings) as desk:
        answers = await asyncio.gather(*(post(desk, "the same", title=f"wish {number % 4}") for number in range(40)))
        taken = {answer.content for answer in answers if answer.status_code == 202}
        refused = [answer for answer in answers if answer.status_code != 202]
        assert len(taken) == 1
        assert len(refused) == 30
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(422, "invalid")}
        assert await desk.count() == 1


@on_a_loop
async def test_a_retry_under_one_key_is_one_run_too(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make()
        await desk.http.post(f"/executions/{execution_id}/cancel")
        asked = [
            desk.http.post(f"/executions/{execution_id}/retry", headers={"Idempotency-Key": "again"}) for _ in range(20)
        ]
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
        assert await desk.count() == 2


@on_a_loop
async def test_a_full_queue_says_when_to_come_again_and_takes_the_rest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "QUEUE_UNITS_MAX", 10)
    async with served(settings) as desk:
        with held_writer(desk):
            asked = [asyncio.ensure_future(post(desk)) for _ in range(40)]
            await until(lambda: sum(each.done() for each in asked) + wishes_that_wait(desk) == len(asked))
        answers = [await each for each in asked]
        taken = [answer for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert 0 < len(taken) <= 10
        assert len(taken) + len(refused) == len(asked)
        for answer in refused:
            assert answer.json()["code"] == "overloaded"
            assert int(answer.headers["Retry-After"]) > 0
        assert await desk.count() == len(taken), "what was refused was not taken"


@on_a_loop
async def test_too_many_readers_are_told_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "READS_WAITING_MAX", 0)
    async with served(settings) as desk:
        answer = await desk.http.get("/executions")
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")


@on_a_loop
async def test_too_many_open_requests_are_told_too_and_those_that_end_make_room(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "OPEN_MAX", 3)
    async with served(settings) as desk:
        execution_id = await desk.make()
        path = f"/executions/{execution_id}"
        waiting = [asyncio.ensure_future(desk.http.get(path, params={"wait": 60})) for _ in range(3)]
        topic = endings.topic_of(execution_id)
        await until(lambda: len(desk.runtime.signals._waiting.get(topic, ())) == 3)
        answer = await desk.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        waiting.pop().cancel()
        await until(lambda: len(desk.runtime.signals._waiting[topic]) == 2)
        assert (await desk.http.post(f"{path}/cancel")).status_code == 200
        assert {(await each).json()["status"] for each in waiting} == {"cancelled"}


@on_a_loop
async def test_a_look_does_not_wait_for_the_writer(settings: Settings) -> None:
    async with served(settings) as desk:
        execution_id = await desk.make()
        with held_writer(desk):
            for path in ("/executions", f"/executions/{execution_id}", f"/executions/{execution_id}/log"):
                assert (await desk.http.get(path)).status_code == 200


@on_a_loop
async def test_a_wish_goes_before_somebody_else_s_large_log(settings: Settings) -> None:
    executions_at_each_chunk: list[int] = []

    @bulk
    def write(tx: Tx, chunk: logs.Chunk) -> bool:
        executions_at_each_chunk.append(tx.execute(select(func.count()).select_from(Execution)).scalar_one())
        return logs.append(tx, chunk)

    async with served(settings) as desk:
        database = desk.runtime.database
        running = await asyncio.to_thread(make_running, database)
        noise = random.Random(1)
        with held_writer(desk):
            # 20 MB that no compression makes small: some twenty groups.
            chunks = [
                logs.pack(running, 1, seq, [logs.Line(clock.now(), "stdout", noise.randbytes(100_000).hex())])
                for seq in range(1, 201)
            ]
            written = [database.submit(write, chunk) for chunk in chunks]
            asked = asyncio.ensure_future(post(desk))
            await until(lambda: wishes_that_wait(desk) == 1)
        assert (await asked).status_code == 202
        assert all(await asyncio.gather(*(asyncio.wrap_future(each) for each in written)))
    assert executions_at_each_chunk[0] == 2, "it was there before the first chunk that waited longer than it"
