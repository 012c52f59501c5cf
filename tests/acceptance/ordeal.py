"""What is done to the servers and shims of one database, round after round?

A round starts the servers that are dead - some of them to die at a named point -, asks for a few short runs, and kills
something at a moment nobody chose. At the end all is started again, and once nothing moves any more it is counted
(`reckoning.py`).
"""

import json
import os
import random
import select
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Event

from tests.acceptance import traces, wishes
from tests.acceptance.clients import Clients
from tests.acceptance.dying_server import POINTS
from tests.acceptance.house import House, Server, ServerDied
from tests.acceptance.waiting import until

POINT_SECONDS = 1.2  # a server that has not come to its point by then is killed where it stands
MOMENT_SECONDS = 0.5  # the longest a round lets things go on before it kills
SETTLE_SECONDS = 90.0  # for every client to be answered, and again for every run to end
SETTINGS = {"seats": "6", "lease_seconds": "4", "outage_seconds": "1.5"}


class Ordeal:
    """One database and its houses, one or rivals."""

    def __init__(self, houses: list[House], dice: random.Random) -> None:
        self.houses = houses
        self.wishes: list[wishes.Wish] = []
        self.kills: Counter[str] = Counter()
        self.points: set[str] = set()
        self.killed_runs: dict[str, str] = {}  # by id: what the death of its shim must have made of it
        self.complaints: list[str] = []
        self.rounds = 0
        self.clients = Clients(houses)
        self._dice = dice
        self._agenda: list[str] = []
        self._servers: dict[Path, Server] = {}
        self._frozen: set[Path] = set()
        for house in houses:
            house.settings |= SETTINGS

    def round(self) -> None:
        """Start what is dead, ask for some runs, and kill something."""
        self.rounds += 1
        dead = [house for house in self.houses if house.data_dir not in self._servers]
        point = self._next_point() if dead and self._dice.random() < 0.6 else None
        victim = self._dice.choice(self.houses if point is None else dead)
        for house in self.houses:
            if house is not victim:
                self._see_to(house)
        is_armed = self._see_to(victim, point)
        for number in range(self._dice.randint(1, 3)):
            is_cancel = point is not None and "cancel" in point and number == 0
            self._ask(f"round {self.rounds}, wish {number}", cancelled=is_cancel)
        if is_armed:
            self._await_point(victim, point or "")
        else:
            self._strike(victim)

    def settle(self) -> Server:
        """Let everything come to its end; returns a server to ask."""
        for house in self.houses:
            self._see_to(house, surely=True)
        server = next(iter(self._servers.values()))
        if not self.clients.await_answers(SETTLE_SECONDS):
            self.complaints.append("some clients were never answered")
        self.complaints += self.clients.complaints
        with suppress(AssertionError):  # what has not ended is found by who counts
            until(lambda: not self._open_runs(server), "every run to end", SETTLE_SECONDS)
            until(lambda: not self.directories(), "every run directory to go", SETTLE_SECONDS)
        return server

    def stop(self) -> None:
        """End the servers in good order."""
        self.clients.close()
        for server in self._servers.values():
            server.stop()

    def close(self) -> None:
        """Let nothing remain."""
        self.clients.close()
        for house in self.houses:
            house.close()

    def directories(self) -> list[Path]:
        """The run directories that have not been taken away."""
        return [each for house in self.houses for each in house.data_dir.glob("runs/*")]

    def processes(self) -> dict[int, str]:
        """Every process that is left of it: servers aside, agents by their scratch directory, shims by their own."""
        words = {str(self.houses[0].scratch), *(f"{house.data_dir}/runs/" for house in self.houses)}
        return {pid: command for word in words for pid, command in traces.found(word).items()}

    def _open_runs(self, server: Server) -> bool:
        states = ("queued", "claimed", "running")
        return any(
            server.http.get("/executions", params={"status": each, "limit": 1}).json()["items"] for each in states
        )

    # Rounds.

    def _next_point(self) -> str:
        """Every point in turn, in an order that changes each time."""
        if not self._agenda:
            self._agenda = self._dice.sample(sorted(POINTS), len(POINTS))
        return self._agenda.pop()

    def _see_to(self, house: House, point: str | None = None, *, surely: bool = False) -> bool:
        """Start the house's server if it has none; True if that is to die at `point`, and has not yet.

        With rivals a house is now and then left without one for a round, or with a frozen one for some.
        """
        if house.data_dir in self._frozen and (surely or self._dice.random() < 0.4):
            self._frozen.discard(house.data_dir)
            os.kill(self._servers[house.data_dir].pid, signal.SIGCONT)
        if house.data_dir in self._servers:
            return False
        if self._servers and point is None and not surely and self._dice.random() < 0.3:
            return False
        try:
            self._servers[house.data_dir] = house.serve() if point is None else house.serve_to_die(point)
        except ServerDied:
            self._note_death(house, house.servers[-1], point)
            return self._see_to(house, surely=True)
        return point is not None

    def _ask(self, key: str, *, cancelled: bool) -> None:
        wish = wishes.make(self._dice, key, cancelled=cancelled)
        self.wishes.append(wish)
        times = 2 if self._dice.random() < 0.1 else 1
        self.clients.ask(wish, [self._dice.uniform(0, MOMENT_SECONDS) for _ in range(times)])

    def _await_point(self, house: House, point: str) -> None:
        server = self._servers[house.data_dir]
        try:
            server.process.wait(POINT_SECONDS)
        except TimeoutError:
            self._kill(house, "server")
        else:
            self._note_death(house, server, point)

    def _strike(self, house: House) -> None:
        """Kill at a moment that the dice choose: no condition, for that is what the other half of the rounds has."""
        Event().wait(self._dice.uniform(0, MOMENT_SECONDS))
        chance = self._dice.random()
        if chance < 0.25:
            self._kill_shim(house)
        elif chance < 0.4:
            self._kill(house, "server, then a shim")
            self._kill_shim(house)
        elif chance < 0.5 and len(self.houses) > 1:
            for each in self.houses:
                self._kill(each, "both servers")
        elif chance < 0.6 and len(self.houses) > 1 and not self._frozen:
            self._freeze(house)
        else:
            self._kill(house, "server")

    # Killing.

    def _kill(self, house: House, kind: str) -> None:
        server = self._servers.get(house.data_dir)
        if server is not None:
            server.process.kill()
            self._note_death(house, server, None)
            self.kills[kind] += 1

    def _freeze(self, house: House) -> None:
        """Let a server stand still for some rounds, as on a suspended host; its rival may take its claims."""
        server = self._servers.get(house.data_dir)
        if server is not None:
            os.kill(server.pid, signal.SIGSTOP)
            self._frozen.add(house.data_dir)
            self.kills["server frozen"] += 1

    def _note_death(self, house: House, server: Server, point: str | None) -> None:
        """Take a dead server out of the books; one that did not end by a SIGKILL is a complaint."""
        self._servers.pop(house.data_dir, None)
        self._frozen.discard(house.data_dir)
        code = server.process.wait(SETTLE_SECONDS)
        server.http.close()
        if point is not None:
            self.points.add(point)
            self.kills["server at a point"] += 1
        if code != -signal.SIGKILL:
            said = server.log_file.read_text()
            self.complaints.append(f"round {self.rounds}: a server ended by itself (exit {code}): {said}")

    def _kill_shim(self, house: House) -> None:
        """Kill any shim of the house, and note what must become of its run."""
        try:
            shims = until(lambda: _shims(house), "a shim to kill", MOMENT_SECONDS)
        except AssertionError:
            return  # nothing runs there
        pid, command = self._dice.choice(sorted(shims.items()))
        directory = next(Path(word) for word in command.split() if word.startswith(f"{house.data_dir}/runs/"))
        with suppress(ProcessLookupError):  # it was faster
            watched = os.pidfd_open(pid)
            try:
                if pid not in traces.found(str(directory)):
                    return
                signal.pidfd_send_signal(watched, signal.SIGKILL)
                assert select.select([watched], [], [], SETTLE_SECONDS)[0], "a shim does not die"
            finally:
                os.close(watched)
            self.kills["shim"] += 1
            self.killed_runs[directory.name.partition(".")[0]] = _bound_to(directory)


def _shims(house: House) -> dict[int, str]:
    """The shims of a house and their command lines: not their children, which are called so until they exec."""
    found = traces.found(f"{house.data_dir}/runs/")
    return {pid: command for pid, command in found.items() if traces.parent(pid) not in found}


def _bound_to(directory: Path) -> str:
    """What must become of the run whose shim has just been killed, as far as its directory says."""
    if _is_whole(directory / "exit.json"):
        return "its own end"
    return "shim_died" if (directory / "spawned").exists() and directory.exists() else "either"


def _is_whole(path: Path) -> bool:
    with suppress(OSError, ValueError):
        json.loads(path.read_bytes())
        return True
    return False
