"""How does the worker learn that a run has printed something, or that its shim is gone, without asking all the time?

The shim rings a FIFO after every batch of frames; its death shows on a pidfd. Both outlive neither process, so a
worker that starts again opens them by name and process id. A ring is a hint: who hears it looks at the files.
"""

import asyncio
import os
from contextlib import suppress
from typing import Self

from conselho.worker.directory import BELL, RunDirectory


class Doorbell:
    """Listens for one run. `is_blind` says that the shim's death will not be seen and must be looked for."""

    def __init__(self, directory: RunDirectory, shim_pid: int | None) -> None:
        self._directory = directory
        self._shim_pid = shim_pid
        self._heard = asyncio.Event()
        self._descriptors: list[int] = []
        self.is_blind = True

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            # Open for writing too, so that it never reads as ended while no shim has it open.
            bell = os.open(self._directory.path / BELL, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._descriptors.append(bell)
            loop.add_reader(bell, self._ring, bell)
        if self._shim_pid is not None:
            self._watch_process(loop, self._shim_pid)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for descriptor in self._descriptors:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._descriptors.clear()

    async def wait(self, seconds: float | None) -> None:
        """Wait for a ring, at most `seconds`; one that came since the last wait counts."""
        if not self._heard.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), seconds)
        self._heard.clear()

    def _watch_process(self, loop: asyncio.AbstractEventLoop, pid: int) -> None:
        try:
            watched = os.pidfd_open(pid)
        except OSError:  # it is gone, or this kernel has no pidfd
            self._heard.set()
            return
        # The id may belong to a stranger by now. While the lock is held the shim lives, and so the id is its own.
        if not self._directory.is_shim_alive():
            os.close(watched)
            self._heard.set()
            return
        self._descriptors.append(watched)
        loop.add_reader(watched, self._gone, watched)
        self.is_blind = False

    def _ring(self, bell: int) -> None:
        with suppress(BlockingIOError):
            os.read(bell, 4096)
        self._heard.set()

    def _gone(self, watched: int) -> None:
        asyncio.get_running_loop().remove_reader(watched)
        self._heard.set()
