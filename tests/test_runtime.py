"""What a process holds open is open inside the block, tells of each commit, and is closed behind it."""

import asyncio
from pathlib import Path

import pytest

from conselho import errors, ids, runtime
from conselho.events import log as events
from conselho.executions import queue
from conselho.runtime import Runtime
from conselho.settings import Settings
from tests.executions.making import make_request
from tests.looping import on_a_loop


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


async def heard(held: Runtime) -> None:
    """Wait until it listens: whoever begins to wakes everybody once."""
    assert await asyncio.to_thread(held.signals.heard.wait, 30)
    await asyncio.sleep(0)


@on_a_loop
async def test_a_commit_wakes_whoever_watches_its_topics(settings: Settings) -> None:
    async with runtime.opened(settings) as held:
        await heard(held)
        with held.signals.watch(queue.WAKE) as watch, held.signals.watch("something else") as other:
            await held.database.write(queue.enqueue, make_request(), ids.new())
            assert await watch.wait(30)
            assert not await other.wait(0)


@on_a_loop
async def test_what_is_refused_wakes_nobody(settings: Settings) -> None:
    async with runtime.opened(settings) as held:
        await heard(held)
        with held.signals.watch(queue.WAKE) as watch:
            with pytest.raises(errors.Invalid):
                await held.database.write(queue.enqueue, make_request(argv=()), ids.new())
            await held.database.write(events.probe)
            assert not await watch.wait(0)


@on_a_loop
async def test_behind_the_block_everything_is_closed(settings: Settings) -> None:
    async with runtime.opened(settings) as held:
        assert held.settings is settings
        assert await held.database.read(events.last_id) == 0
    with pytest.raises(errors.Unavailable):
        await held.database.write(events.probe)
    with pytest.raises(errors.Unavailable):
        await held.database.read(events.last_id)
    with held.signals.watch("a") as watch:
        held.signals.tell(("a",))
        assert not await watch.wait(0)


@on_a_loop
async def test_what_was_accepted_before_the_end_is_written(settings: Settings) -> None:
    async with runtime.opened(settings) as held:
        writing = [
            asyncio.ensure_future(held.database.write(queue.enqueue, make_request(), ids.new())) for _ in range(20)
        ]
        await asyncio.sleep(0)  # all of them are handed over, none is answered yet
    accepted = await asyncio.gather(*writing)
    async with runtime.opened(settings) as again:
        assert await again.database.read(events.last_id) == len(set(accepted)) == 20


@on_a_loop
async def test_it_is_closed_whatever_goes_wrong_in_the_block(settings: Settings) -> None:
    with pytest.raises(errors.Conflict):
        async with runtime.opened(settings) as held:
            raise errors.Conflict
    with pytest.raises(errors.Unavailable):
        await held.database.write(events.probe)


@on_a_loop
async def test_a_database_that_is_away_is_no_obstacle_to_opening(tmp_path: Path) -> None:
    nowhere = Settings(data_dir=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    async with runtime.opened(nowhere) as held:
        with pytest.raises(errors.DatabaseGone):
            await held.database.read(events.last_id)
