"""How does somebody ask who will not take silence for an answer? Again and again, under the same key."""

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from tests.acceptance import agents
from tests.acceptance.house import House
from tests.acceptance.wishes import Wish

AT_ONCE = 12
PAUSE_SECONDS = 0.05  # before it is asked again
TIMEOUT_SECONDS = 3.0  # what a frozen server is given


class Clients:
    """Those who ask the servers of one ordeal, whichever of them lives."""

    def __init__(self, houses: Iterable[House]) -> None:
        self.complaints: list[str] = []
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="client")
        self._asking: list[Future[None]] = []
        self._doors = [house.socket_path for house in houses]

    def ask(self, wish: Wish, moments: Sequence[float]) -> None:
        """Have somebody ask for it, as often as there are moments to wait in between, and cancel what is to be."""
        self._asking.append(self._threads.submit(self._carry, wish, moments))

    def await_answers(self, seconds: float) -> bool:
        """Whether everybody has been answered in that time."""
        done, open_ones = wait(self._asking, seconds)
        for each in done:
            each.result()
        return not open_ones

    def close(self) -> None:
        """Let everybody go home."""
        self._over.set()
        self._threads.shutdown()

    def _carry(self, wish: Wish, moments: Sequence[float]) -> None:
        body = {"argv": agents.shell(wish.script), "cwd": "/tmp", "title": wish.key} | wish.extra
        for moment in moments:  # some ask a second time, though they had an answer
            answer = self._insist(wish, "/executions", 202, body)
            if answer is None:
                return
            wish.answers.add(answer["id"])
            self._over.wait(moment)
        if wish.is_cancelled:
            for execution_id in wish.answers.copy():
                self._insist(wish, f"/executions/{execution_id}/cancel", 200)

    def _insist(
        self, wish: Wish, where: str, expected: int, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The answer, from whichever server gives one; None where there will be none."""
        turn = sum(wish.key.encode())
        while not self._over.is_set():
            turn += 1
            try:
                status, said = post(self._doors[turn % len(self._doors)], where, wish.key, body)
            except (OSError, http.client.HTTPException):
                status, said = 503, {}
            if status == expected:
                return said
            if (status, expected) == (409, 200):
                return None  # it ended before it was to: whether it might is not for us to say
            if status != 503:
                self.complaints.append(f"{wish.key} was answered {status} at {where}: {said}")
                return None
            self._over.wait(PAUSE_SECONDS)
        return None


def post(door: Path, where: str, key: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
    """One request on a connection of its own. Raises: OSError; http.client.HTTPException."""
    connection = http.client.HTTPConnection("conselho")
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(TIMEOUT_SECONDS)
        wire.connect(str(door))
        connection.sock = wire
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1{where}", json.dumps(body) if body else "", headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
