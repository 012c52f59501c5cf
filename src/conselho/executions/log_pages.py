"""How is a log read page by page, and searched?

A page ends at its number of lines, at 1 MiB, or - where lines are looked for - when so many have been looked through
that others should have their turn. In each case `next` says where to go on; it is null where the log ends for now.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from conselho import errors, ids
from conselho.db.session import Tx
from conselho.executions import answers, endings, logs, schemas
from conselho.executions.logs import NumberedLine

PAGE_BYTES_MAX = 1024 * 1024  # of a page as it is sent; the longest line takes 384 KiB, so there is always one
SCAN_LINES_MAX = 10_000  # looked through for one page: some 50 ms of a processor
SCAN_CHARACTERS_MAX = 8_000_000
Q_CHARACTERS_MAX = 200
_FRAME_BYTES = 200  # of a page beside its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which lines of a log are asked for: behind number `after`, of this kind, with this text in them."""

    after: int = 0
    limit: int = 200
    kind: str | None = None
    q: str | None = None


def page(tx: Tx, execution_id: str, wish: Wish) -> bytes:
    """A page of a log, encoded. Raises: errors.NotFound."""
    if not ids.is_id(execution_id) or endings.state(tx, execution_id) is None:
        raise errors.NotFound(f"there is no execution {execution_id[:50]}")
    last_seq = logs.head(tx, execution_id).last_seq
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
    last_seq = max(last_seq, seq if seen else 0)  # lines may have come since it was read
    return answers.listed(items, next=seq if seq < last_seq else None, last_seq=last_seq, total=last_seq)


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
    return answers.encode(schemas.line_as_json(numbered))
