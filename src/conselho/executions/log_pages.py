"""How is a log read page by page, and searched?

A page ends at its number of lines, at 1 MiB, or - where lines are looked for - when so many have been looked through
that others should have their turn. In each case `next` says where to go on; it is null where the log ends for now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from conselho import errors, ids
from conselho.db.session import Tx, brief, loose
from conselho.executions import answers, logs, shown
from conselho.executions.logs import NumberedLine, NumberedRun

PAGE_BYTES_MAX = 1024 * 1024  # of a page as it is sent; the longest line takes 384 KiB, so there is always one
SCAN_LINES_MAX = 10_000  # looked through for one page: some 50 ms of a processor
SCAN_CHARACTERS_MAX = 8_000_000
Q_CHARACTERS_MAX = 200
BRIEF_LINES = 200  # of the usual length take about a millisecond
_FRAME_BYTES = 200  # of a page beside its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which lines of a log are asked for: behind number `after`, of this kind, with this text in them."""

    after: int = 0
    limit: int = 200
    kind: str | None = None
    q: str | None = None


def is_brief(_: str, wish: Wish) -> bool:
    """Some chunks by their key; a search goes through all of them."""
    return wish.kind is None and wish.q is None and wish.limit <= BRIEF_LINES


@loose
@brief(is_brief)
def page(tx: Tx, execution_id: str, wish: Wish) -> bytes:
    """A page of a log, encoded. Raises: errors.NotFound."""
    is_search = wish.kind is not None or wish.q is not None
    at_once = logs.PAGE_LINES_MAX if is_search else wish.limit
    view = logs.view(tx, execution_id, wish.after, at_once) if ids.is_id(execution_id) else None
    if view is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    if view.purged_at is not None:  # what may be left of it for a moment is no log
        return answers.listed(b"", next=None, last_seq=0, total=0, log_purged_at=view.purged_at)
    found = None if is_search else _together(view.runs, wish.after)
    items, seq = _one_by_one(_lines(tx, execution_id, view.runs, at_once), wish) if found is None else found
    last_seq = max(view.last_seq, seq if seq > wish.after else 0)  # lines may have come since it was read
    return answers.listed(
        items, next=seq if seq < last_seq else None, last_seq=last_seq, total=last_seq, log_purged_at=None
    )


def _together(runs: Sequence[NumberedRun], after: int) -> tuple[bytes, int] | None:
    """The lines, encoded together, and the last one's number; None where that cannot be: one by one then."""
    told = [line for run in runs for line in shown.lines(run)]
    try:
        items = orjson.dumps(told)[1:-1]
    except orjson.JSONEncodeError:
        return None  # what is no Unicode has to be replaced
    if len(items) > PAGE_BYTES_MAX - _FRAME_BYTES:
        return None
    return items, told[-1]["seq"] if told else after


def _one_by_one(lines: Iterable[NumberedLine], wish: Wish) -> tuple[bytes, int]:
    """Those of `lines` that are asked for, encoded, and the number of the last line looked at."""
    items: list[bytes] = []
    size, seen, characters, seq = _FRAME_BYTES, 0, 0, wish.after
    for line in lines:
        item = _matching(line, wish)
        if item is not None:
            size += len(item) + 1
            if items and size > PAGE_BYTES_MAX:
                break
            items.append(item)
        seq, seen, characters = line.seq, seen + 1, characters + len(line.text)
        if len(items) == wish.limit or seen == SCAN_LINES_MAX or characters > SCAN_CHARACTERS_MAX:
            break
    return b",".join(items), seq


def _lines(tx: Tx, execution_id: str, runs: Sequence[NumberedRun], at_once: int) -> Iterator[NumberedLine]:
    """The lines of `runs` and all behind them, read as they are asked for."""
    while runs:
        line = None
        for line in logs.lines_of(runs):
            yield line
        if line is None or (found := logs.view(tx, execution_id, line.seq, at_once)) is None:
            return
        runs = found.runs


def _matching(line: NumberedLine, wish: Wish) -> bytes | None:
    """The line as it is sent, if it is asked for."""
    if wish.kind is not None and line.kind != wish.kind:
        return None
    if wish.q is not None and wish.q.casefold() not in logs.shown(line.text).casefold():
        return None
    return answers.encode(shown.line(line))
