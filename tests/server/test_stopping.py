import asyncio
import os
import signal

from conselho.server import stopping
from conselho.server.stopping import Stop
from tests.looping import on_a_loop, until


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@on_a_loop
async def test_the_first_signal_asks_and_the_second_insists() -> None:
    stop = Stop()
    stop.heed_signals()
    send(signal.SIGTERM)
    await until(stop.asked.is_set)
    assert stop.was_signalled
    assert not stop.insisted.is_set()
    send(signal.SIGTERM)
    assert await stop.second_word()


@on_a_loop
async def test_one_ctrl_c_that_two_programs_pass_on_is_one() -> None:
    stop = Stop()
    stop.heed_signals()
    for _ in range(2):
        send(signal.SIGINT)
        await until(stop.asked.is_set)
        await asyncio.sleep(0)
    assert not stop.insisted.is_set()


@on_a_loop
async def test_a_signal_after_another_kind_of_stop_is_the_first() -> None:
    stop = Stop()
    stop.heed_signals()
    stop.ask()
    send(signal.SIGTERM)
    await until(lambda: stop.was_signalled)
    assert not stop.insisted.is_set()


@on_a_loop
async def test_the_second_word_is_not_waited_for_long() -> None:
    stop = Stop()
    assert stopping.SECOND_WORD_SECONDS <= 5
    stop.ask()
    assert not await stop.second_word()
