"""How is a log read page by page, and searched?

A page ends at its number of lines, at 1 MiB, or - where lines are looked for - when so many have been looked through
that others should have their turn. In each case `next` says where to go on; it is null where the log ends for now.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from sqlalchemy import bindparam, select

from conselho import errors, ids
from conselho.db.session import Tx
from conselho.executions import answers, logs, shown
from conselho.executions.logs import NumberedLine
from conselho.executions.models import Execution, LogHead

PAGE_BYTES_MAX = 1024 * 1024  # of a page as it is sent; the longest line takes 384 KiB, so there is always one
SCAN_LINES_MAX = 10_000  # looked through for one page: some 50 ms of a processor
SCAN_CHARACTERS_MAX = 8_000_000
Q_CHARACTERS_MAX = 200
_FRAME_BYTES = 200  # of a page beside its lines


_HEAD = (
    select(LogHead.last_seq, Execution.log_purged_at)
    .select_from(Execution)
    .outerjoin(LogHead, LogHead.execution_id == Execution.id)
    .where(Execution.id == bindparam("run_id"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which lines of a log are asked for: behind number `after`, of this kind, with this text in them."""

    after: int = 0
    limit: int = 200
    kind: str | None = None
    q: str | None = None


def page(tx: Tx, execution_id: str, wish: Wish) -> bytes:
    """A page of a log, encoded. Raises: errors.NotFound."""
    head = tx.execute(_HEAD, {"run_id": execution_id}).one_or_none() if ids.is_id(execution_id) else None
    if head is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    if head.log_purged_at is not None:  # what may be left of it for a moment is no log
        return answers.listed(b"", next=None, last_seq=0, total=0, log_purged_at=head.log_purged_at)
    is_search = wish.kind is not None or wish.q is not None
    found = None if is_search else _next_lines(tx, execution_id, wish)
    items, seq = _looked_for(tx, execution_id, wish) if found is None else found
    last_seq = max(head.last_seq or 0, seq if seq > wish.after else 0)  # lines may have come since it was read
    return answers.listed(
        items, next=seq if seq < last_seq else None, last_seq=last_seq, total=last_seq, log_purged_at=None
    )


def _next_lines(tx: Tx, execution_id: str, wish: Wish) -> tuple[bytes, int] | None:
    """The next lines, encoded together, and the last one's number; None where that cannot be: one by one then."""
    lines = logs.read_after(tx, execution_id, wish.after, wish.limit)
    try:
        items = orjson.dumps(shown.lines(lines), option=orjson.OPT_UTC_Z)[1:-1]
    except orjson.JSONEncodeError:
        return None  # what is no Unicode has to be replaced
    if len(items) > PAGE_BYTES_MAX - _FRAME_BYTES:
        return None
    return items, lines[-1].seq if lines else wish.after


def _looked_for(tx: Tx, execution_id: str, wish: Wish) -> tuple[bytes, int]:
    """The next lines that are asked for, encoded one by one, and the number of the last line looked at."""
    items: list[bytes] = []
    size, seen, characters, seq = _FRAME_BYTES, 0, 0, wish.after
    for numbered in _lines(tx, execution_id, wish):
        item = _matching(numbered, wish)
        if item is not None:
            size += len(item) + 1
            if items and size > PAGE_BYTES_MAX:
                break
            items.append(item)
        seq, seen, characters = numbered.seq, seen + 1, characters + len(numbered.line.text)
        if len(items) == wish.limit or seen == SCAN_LINES_MAX or characters > SCAN_CHARACTERS_MAX:
            break
    return b",".join(items), seq


def _lines(tx: Tx, execution_id: str, wish: Wish) -> Iterator[NumberedLine]:
    """The lines behind `wish.after`, read as they are asked for."""
    is_search = wish.kind is not None or wish.q is not None
    after = wish.after
    while found := logs.read_after(tx, execution_id, after, logs.PAGE_LINES_MAX if is_search else wish.limit):
        yield from found
        after = found[-1].seq


def _matching(numbered: NumberedLine, wish: Wish) -> bytes | None:
    """The line as it is sent, if it is asked for."""
    line = numbered.line
    if wish.kind is not None and line.kind != wish.kind:
        return None
    if wish.q is not None and wish.q.casefold() not in logs.shown(line.text).casefold():
        return None
    return answers.encode(shown.line(numbered))
