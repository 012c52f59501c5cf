"""A signal wakes who watches, from whichever thread it comes, and none that came after the look is missed."""

import asyncio
import threading

import pytest

from conselho.events.signals import Signals
from tests.looping import on_a_loop

LONG = 30.0  # seconds; only a test that fails waits so long


async def bound() -> Signals:
    signals = Signals()
    signals.bind(asyncio.get_running_loop())
    return signals


async def settle() -> None:
    """Let the loop run what was handed to it before this."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_soon_threadsafe(passed.set_result, None)
    await passed


@on_a_loop
async def test_a_signal_between_the_look_and_the_wait_is_not_missed() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        await settle()
        assert await watch.wait(LONG)


@on_a_loop
async def test_a_signal_between_two_waits_is_not_missed() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        assert await watch.wait(LONG)
        signals.tell(("a",))
        await settle()
        assert await watch.wait(LONG)


@on_a_loop
async def test_signals_that_come_together_wake_once() -> None:
    signals = await bound()
    with signals.watch("a", "b") as watch:
        for _ in range(3):
            signals.tell(("a", "b", "a"))
        await settle()
        assert await watch.wait(LONG)
        assert not await watch.wait(0)


@on_a_loop
async def test_a_wait_without_a_signal_ends_by_itself_and_leaves_the_watch_armed() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        assert not await watch.wait(0)
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_only_those_who_watch_the_topic_are_woken() -> None:
    signals = await bound()
    with signals.watch("a") as one, signals.watch("b") as other, signals.watch("a", "b") as both:
        signals.tell(("b",))
        await settle()
        assert [await watch.wait(0) for watch in (one, other, both)] == [False, True, True]


@on_a_loop
async def test_a_watch_of_nothing_is_never_woken() -> None:
    signals = await bound()
    with signals.watch() as watch:
        signals.tell(("a",))
        await settle()
        assert not await watch.wait(0)


@on_a_loop
async def test_signals_from_many_threads_all_wake() -> None:
    signals = await bound()
    rounds, told = 200, threading.Semaphore(0)

    def tell() -> None:
        for _ in range(rounds):
            told.acquire()
            signals.tell(("a",))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    with signals.watch("a") as watch:
        for _ in range(4 * rounds):
            told.release()
            assert await watch.wait(LONG)
    for thread in threads:
        await asyncio.to_thread(thread.join)


@on_a_loop
async def test_a_signal_wakes_a_wait_that_has_begun() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        waiting = asyncio.ensure_future(watch.wait(LONG))
        await settle()
        await asyncio.to_thread(signals.tell, ("a",))
        assert await waiting


@on_a_loop
async def test_a_wait_that_is_cancelled_leaves_the_watch_whole() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        waiting = asyncio.ensure_future(watch.wait(LONG))
        await settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_who_has_left_is_forgotten() -> None:
    signals = await bound()
    for _ in range(100):
        with signals.watch("a", "b"):
            pass
    assert not signals._waiting


@on_a_loop
async def test_closing_wakes_everybody_who_watches_anything() -> None:
    signals = await bound()
    with signals.watch("a") as one, signals.watch("b", "c") as other:
        assert not signals.is_closing
        waiting = [asyncio.ensure_future(watch.wait(LONG)) for watch in (one, other)]
        await settle()
        signals.close()
        assert await asyncio.gather(*waiting) == [True, True]
    assert signals.is_closing


@on_a_loop
async def test_closing_between_the_look_and_the_wait_is_not_missed() -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        assert not signals.is_closing
        signals.close()
        assert await watch.wait(LONG)


@on_a_loop
async def test_after_closing_signals_still_wake_those_who_finish_their_work() -> None:
    signals = await bound()
    signals.close()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_one_of_many_who_leaves_takes_nobody_with_it() -> None:
    signals = await bound()
    with signals.watch("a") as stays:
        with signals.watch("a"):
            pass
        signals.tell(("a",))
        assert await stays.wait(LONG)


@on_a_loop
async def test_a_watch_of_two_topics_that_was_woken_by_one_is_woken_again_by_the_other() -> None:
    signals = await bound()
    with signals.watch("a", "b") as watch:
        for topic in ("a", "b", "a"):
            signals.tell((topic,))
            assert await watch.wait(LONG)
    assert not signals._waiting


@on_a_loop
async def test_a_watch_is_waited_for_inside_its_block() -> None:
    signals = await bound()
    with pytest.raises(RuntimeError, match="inside"):
        await signals.watch("a").wait(0)


def test_before_and_after_the_loop_signals_go_nowhere_and_harm_nobody() -> None:
    signals = Signals()
    signals.tell(("a",))
    loop = asyncio.new_event_loop()
    signals.bind(loop)
    loop.close()
    signals.tell(("a",))
    signals.bind(None)
    signals.tell(("a",))
