"""A log is watched while a run prints it, on wires that are cut: each line once, in order, to the end."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.house import MakeHouse, Server
from tests.acceptance.watchers import PLACES, Cut, Message, Watcher

LINES = 20_000
CUTS = 20
CUT_BYTES_MAX = 120_000  # so that all cuts lie within the log, whose lines are messages of some 100 bytes
PRINT = f"i=1; while [ $i -le {LINES} ]; do seq $i $((i+199)); i=$((i+200)); sleep .03; done\n"


@pytest.fixture
def doors(make_house: MakeHouse, database_url: str) -> list[Server]:
    """The server that runs it; on PostgreSQL another one as well, which learns of each line from the database."""
    if database_url.startswith("sqlite"):
        return [make_house(None).serve()]
    return [make_house(database_url).serve(), make_house(database_url).serve("--no-worker")]


def cuts(seed: int) -> Iterator[Cut | None]:
    """Twenty at random, then none."""
    draw = random.Random(seed)
    for _ in range(CUTS):
        yield Cut(draw.randint(1, CUT_BYTES_MAX), draw.choice(list(PLACES)))
    yield None


def watch_alone(servers: list[Server], execution_id: str) -> tuple[list[dict[str, Any]], Message]:
    """The lines that its own stream tells, and the message that ends it."""
    watcher, lines, last = Watcher(), [], Message(None, None, None)
    for number, cut in enumerate(cuts(1)):
        assert last.event != "end", "it ended before the last cut"
        for last in watcher.hear(servers[number % len(servers)].socket_path, path_of(execution_id), cut):
            if last.event == "message":
                assert last.id == str(last.data["seq"])
                lines.append(last.data)
    return lines, last


def watch_among_events(servers: list[Server], execution_id: str, as_of: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines that a stream of events tells, which has no ids for them, and the events of that run."""
    watcher, lines, events = Watcher(as_of), list[dict[str, Any]](), list[str]()
    for number, cut in enumerate(cuts(2)):
        topics = f"executions,log:{execution_id}@{len(lines)}"
        for message in watcher.hear(servers[number % len(servers)].socket_path, f"/events/stream?topics={topics}", cut):
            if message.event == "log":
                assert message.data.pop("execution_id") == execution_id
                lines.append(message.data)
            elif message.event is not None:
                assert message.data["execution_id"] == execution_id
                events.append(message.event)
            if len(lines) == LINES and "execution.finished" in events:
                assert cut is None, "it ended before the last cut"
                break
    return lines, events


def path_of(execution_id: str) -> str:
    return f"/executions/{execution_id}/log/stream"


def test_twenty_thousand_lines_are_seen_once_and_in_order_through_twenty_cuts(doors: list[Server]) -> None:
    execution_id = doors[0].submit(PRINT)
    as_of = doors[0].show(execution_id)["as_of"]
    with ThreadPoolExecutor(2) as pool:
        alone = pool.submit(watch_alone, doors, execution_id)
        among = pool.submit(watch_among_events, doors, execution_id, as_of)
    lines, end = alone.result()
    assert [line["seq"] for line in lines] == list(range(1, LINES + 1))
    assert [line["text"] for line in lines] == [str(number) for number in range(1, LINES + 1)]
    assert end.event == "end"
    assert end.data["status"] == "succeeded"
    assert end.data["log_lines"] == LINES
    assert among.result()[0] == lines
    assert among.result()[1][-1] == "execution.finished"
    assert len(set(among.result()[1])) == len(among.result()[1])
    assert lines == doors[-1].log(execution_id)
