"""What has an ordeal cost? Every run is held against what was asked for; the only passing count is zero."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions.states import Status
from tests.acceptance import agents
from tests.acceptance.house import House, Server
from tests.acceptance.ordeal import Ordeal
from tests.acceptance.wishes import Wish

CUT_SHORT = {"cancelled", "timed_out"}  # may end before the first line is printed, or the first one is begun


@dataclass
class Tally:
    """The offenders of each kind, each named in a sentence."""

    executions: int = 0
    lost: list[str] = field(default_factory=list)  # accepted and not there, or not ended
    twice: list[str] = field(default_factory=list)  # begun twice by its own account, or two for one key
    holes: list[str] = field(default_factory=list)  # in the numbers of a log, or in what was printed
    wrong: list[str] = field(default_factory=list)  # an outcome that the run did not have
    left: list[str] = field(default_factory=list)  # processes and run directories
    other: list[str] = field(default_factory=list)  # servers that ended by themselves, answers out of place

    @property
    def offenders(self) -> dict[str, list[str]]:
        """All of them, by the name of their kind."""
        kinds = ("lost", "twice", "holes", "wrong", "left", "other")
        return {kind: getattr(self, kind) for kind in kinds}

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all was wrong."""
        return not any(self.offenders.values())


def reckon(ordeal: Ordeal, server: Server) -> Tally:
    """Count, when everything has settled, and end the servers."""
    tally = Tally()
    executions = {each["id"]: each for each in server.all()}
    by_key: dict[str, list[str]] = defaultdict(list)
    for execution_id, execution in executions.items():
        by_key[execution["title"]].append(execution_id)
    tally.executions = len(executions)
    begun = agents.starts(ordeal.houses[0].scratch)
    tally.lost += [f"{execution_id} was begun and is not there" for execution_id in begun.keys() - executions.keys()]
    for wish in ordeal.wishes:
        found = by_key.pop(wish.key, [])
        _count_acceptance(tally, wish, found)
        for execution_id in found:
            name = f"{wish.key} ({execution_id})"
            if begun[execution_id] > 1:
                tally.twice.append(f"{name} was begun {begun[execution_id]} times")
            execution = executions[execution_id]
            if not Status(execution["status"]).is_terminal:
                tally.lost.append(f"{name} is still {execution['status']}")
                continue
            fate = ordeal.killed_runs.get(execution_id, "its own end")
            _judge(tally, name, wish, execution, fate, begun[execution_id])
            _read_log(tally, name, wish, server, execution, is_whole=fate == "its own end")
    tally.twice += [f"{each} was never asked for" for found in by_key.values() for each in found]
    tally.wrong += _ended_otherwise_than_once(ordeal.houses[0], executions)
    ordeal.stop()
    tally.left += [f"{pid} {command}" for pid, command in ordeal.processes().items()]
    tally.left += [str(each) for each in ordeal.directories()]
    tally.other += ordeal.complaints
    return tally


def _count_acceptance(tally: Tally, wish: Wish, found: list[str]) -> None:
    ids = wish.answers | set(found)
    if not found or wish.answers - set(found):
        tally.lost.append(f"{wish.key} was answered with {sorted(wish.answers)}, and there is {found}")
    if len(ids) > 1:
        tally.twice.append(f"{wish.key} became {sorted(ids)}")


def _judge(tally: Tally, name: str, wish: Wish, execution: dict[str, Any], fate: str, begun: int) -> None:
    end = (execution["status"], execution["exit_code"])
    has_own_end = end == (wish.status, wish.exit_code) and (begun == 1 or wish.status in CUT_SHORT)
    has_died = (execution["status"], execution["reason"]) == ("failed", "shim_died")
    allowed = {"its own end": has_own_end, "shim_died": has_died, "either": has_own_end or has_died}
    if not allowed[fate]:
        said = {each: execution[each] for each in ("status", "exit_code", "signal", "reason", "error", "worker")}
        tally.wrong.append(f"{name} should have come to {fate} ({wish.status}, {wish.exit_code}): {said}, {begun=}")


def _read_log(
    tally: Tally, name: str, wish: Wish, server: Server, execution: dict[str, Any], *, is_whole: bool
) -> None:
    try:
        said = server.said(execution["id"])
    except AssertionError as error:
        tally.holes.append(f"{name}: its lines are not numbered one by one: {error}")
        return
    is_prefix = said == wish.printed[: len(said)]
    may_be_short = not is_whole or wish.status in CUT_SHORT
    if not is_prefix or (len(said) < wish.lines and not may_be_short):
        tally.holes.append(f"{name} printed 1 to {wish.lines}, and its log has {said}")


def _ended_otherwise_than_once(house: House, executions: dict[str, dict[str, Any]]) -> list[str]:
    """What the events tell more or less than one end of, or another end than the row has."""
    database = Database(house.url)
    ends: Counter[str] = Counter()
    last = {}
    after = 0
    while page := database.fetch(events.read_after, after).result():
        for event in page:
            if event.kind == "execution.finished" and event.execution_id is not None:
                ends[event.execution_id] += 1
                last[event.execution_id] = event.data["status"]
        after = page[-1].id
    database.close()
    over = {name: each["status"] for name, each in executions.items() if Status(each["status"]).is_terminal}
    return [
        f"{name} is {status}, and its events tell of {ends[name]} ends, the last {last.get(name)}"
        for name, status in over.items()
        if ends[name] != 1 or last[name] != status
    ]
