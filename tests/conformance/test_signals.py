"""A signal wakes who watches, from whatever thread or process it comes, and none that came after the look is missed."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest

from conselho.events import listening
from conselho.events.listening import ListeningSignals
from conselho.events.signals import Signals, Watch
from tests.looping import on_a_loop

LONG = 30.0  # seconds; only a test that fails waits so long


class Ears:
    """From where it is told to where it is heard: one object, or those of two processes."""

    def __init__(self, teller: Signals, listener: Signals) -> None:
        self.teller = teller
        self.listener = listener

    def tell(self, topics: tuple[str, ...]) -> None:
        self.teller.tell(topics)

    def watch(self, *topics: str) -> Watch:
        return self.listener.watch(*topics)

    async def settle(self) -> None:
        """Wait until everything that was told has been heard: what is told last is heard last."""
        with self.watch("the last") as watch:
            self.tell(("the last",))
            assert await watch.wait(LONG)


Bound = Callable[[], Awaitable[Ears]]


@pytest.fixture(params=["in process", "same process", "other process"])
def bound(request: pytest.FixtureRequest) -> Iterator[Bound]:
    """Every implementation."""
    url = None if request.param == "in process" else str(request.getfixturevalue("postgres_database_url"))
    count = 2 if request.param == "other process" else 1
    made = [Signals() if url is None else ListeningSignals(url) for _ in range(count)]

    async def bind() -> Ears:
        for each in made:
            each.bind(asyncio.get_running_loop())
            assert await asyncio.to_thread(each.heard.wait, LONG)
        ears = Ears(made[0], made[-1])
        await ears.settle()  # who begins to listen wakes all, and those who watch from here on must not notice
        return ears

    yield bind
    for each in made:
        each.bind(None)
        each.end()


@on_a_loop
async def test_a_signal_between_the_look_and_the_wait_is_not_missed(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        await signals.settle()
        assert await watch.wait(LONG)


@on_a_loop
async def test_a_signal_between_two_waits_is_not_missed(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        assert await watch.wait(LONG)
        signals.tell(("a",))
        await signals.settle()
        assert await watch.wait(LONG)


@on_a_loop
async def test_signals_that_come_together_wake_once(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a", "b") as watch:
        for _ in range(3):
            signals.tell(("a", "b", "a"))
        await signals.settle()
        assert await watch.wait(LONG)
        assert not await watch.wait(0)


@on_a_loop
async def test_a_wait_without_a_signal_ends_by_itself_and_leaves_the_watch_armed(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        assert not await watch.wait(0)
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_only_those_who_watch_the_topic_are_woken(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as one, signals.watch("b") as other, signals.watch("a", "b") as both:
        signals.tell(("b",))
        await signals.settle()
        assert [await watch.wait(0) for watch in (one, other, both)] == [False, True, True]


@on_a_loop
async def test_a_watch_of_nothing_is_never_woken(bound: Bound) -> None:
    signals = await bound()
    with signals.watch() as watch:
        signals.tell(("a",))
        await signals.settle()
        assert not await watch.wait(0)


@on_a_loop
async def test_signals_from_many_threads_all_wake(bound: Bound) -> None:
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
async def test_a_signal_wakes_a_wait_that_has_begun(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        waiting = asyncio.ensure_future(watch.wait(LONG))
        await signals.settle()
        await asyncio.to_thread(signals.tell, ("a",))
        assert await waiting


@on_a_loop
async def test_a_wait_that_is_cancelled_leaves_the_watch_whole(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        waiting = asyncio.ensure_future(watch.wait(LONG))
        await signals.settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_who_has_left_is_forgotten(bound: Bound) -> None:
    signals = await bound()
    for _ in range(100):
        with signals.watch("a", "b"):
            pass
    assert not signals.listener._waiting


@on_a_loop
async def test_closing_wakes_everybody_who_watches_anything(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as one, signals.watch("b", "c") as other:
        assert not signals.listener.is_closing
        waiting = [asyncio.ensure_future(watch.wait(LONG)) for watch in (one, other)]
        await signals.settle()
        signals.listener.close()
        assert await asyncio.gather(*waiting) == [True, True]
    assert signals.listener.is_closing


@on_a_loop
async def test_closing_between_the_look_and_the_wait_is_not_missed(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as watch:
        assert not signals.listener.is_closing
        signals.listener.close()
        assert await watch.wait(LONG)


@on_a_loop
async def test_after_closing_signals_still_wake_those_who_finish_their_work(bound: Bound) -> None:
    signals = await bound()
    signals.listener.close()
    with signals.watch("a") as watch:
        signals.tell(("a",))
        assert await watch.wait(LONG)


@on_a_loop
async def test_one_of_many_who_leaves_takes_nobody_with_it(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a") as stays:
        with signals.watch("a"):
            pass
        signals.tell(("a",))
        assert await stays.wait(LONG)


@on_a_loop
async def test_a_watch_of_two_topics_that_was_woken_by_one_is_woken_again_by_the_other(bound: Bound) -> None:
    signals = await bound()
    with signals.watch("a", "b") as watch:
        for topic in ("a", "b", "a"):
            signals.tell((topic,))
            assert await watch.wait(LONG)
    assert not signals.listener._waiting


@on_a_loop
async def test_a_watch_is_waited_for_inside_its_block(bound: Bound) -> None:
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


@pytest.fixture
def pair(postgres_database_url: str) -> Iterator[tuple[ListeningSignals, ListeningSignals]]:
    made = ListeningSignals(postgres_database_url), ListeningSignals(postgres_database_url)
    yield made
    for each in made:
        each.end()


async def heard(*signals: ListeningSignals) -> None:
    for each in signals:
        each.bind(asyncio.get_running_loop())
        assert await asyncio.to_thread(each.heard.wait, LONG)


@on_a_loop
async def test_many_topics_at_once_all_arrive(pair: tuple[ListeningSignals, ListeningSignals]) -> None:
    await heard(*pair)
    topics = [f"log:{'x' * 50}{number}" for number in range(1_000)]
    waiting = [pair[1].watch(topic) for topic in topics]
    for watch in waiting:
        watch.__enter__()
    pair[0].tell(tuple(topics))
    assert all(await asyncio.gather(*(watch.wait(LONG) for watch in waiting)))
    for watch in waiting:
        watch.__exit__()


@on_a_loop
async def test_a_connection_that_is_ended_is_made_anew_and_whoever_waits_looks_meanwhile(
    pair: tuple[ListeningSignals, ListeningSignals], postgres_database_url: str
) -> None:
    await heard(*pair)
    with pair[1].watch("a") as watch:
        with psycopg.connect(postgres_database_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert await watch.wait(LONG), "it listens again, and says so"
        await Ears(*pair).settle()
        pair[0].tell(("a",))
        assert await watch.wait(LONG)


def test_topics_travel_in_as_few_messages_as_hold_them() -> None:
    topics = [f"topic {number}" for number in range(2_000)]
    sent = list(listening.payloads(topics))
    assert [topic for payload in sent for topic in payload.split("\n")] == topics
    assert all(len(payload.encode()) <= listening.PAYLOAD_BYTES_MAX for payload in sent)
    assert len(sent) == -(-sum(len(topic) + 1 for topic in topics) // listening.PAYLOAD_BYTES_MAX)


@on_a_loop
async def test_where_no_server_is_signals_work_within_the_process_and_the_end_is_quick() -> None:
    signals = ListeningSignals("postgresql://nobody@127.0.0.1:1/nothing")
    signals.bind(asyncio.get_running_loop())
    with signals.watch("a") as watch:
        signals.tell(("a",))
        assert await watch.wait(LONG)
        signals.tell(tuple(f"topic {number}" for number in range(listening.TOPICS_WAITING_MAX + 1)))
        assert list(signals._take_outbox()) == [listening.EVERYTHING]
    await asyncio.to_thread(signals.end)
    assert not signals._thread.is_alive()
