"""How does a card get a file, and lose one again?

What comes is written as it comes, so it is refused where it is too large or no kind that is taken; then the row is
written in one unit, which sees to it that a card has neither too many nor two of one name.
"""

import asyncio
import errno
import hashlib
import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, insert

from conselho import errors, ids
from conselho.cards import attached_files, attachment_names, attachments, board, limits, queries
from conselho.cards.attached_files import Incoming
from conselho.cards.models import Attachment
from conselho.db import keys
from conselho.db.session import Database, Tx
from conselho.events import log as events

_log = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024  # written at once: a thread for each few packets would cost more than the writing
LEFT_AFTER = timedelta(days=7)  # who restores an older database, and then the newer one after all, has lost nothing
AT_ONCE = 500  # files that are looked up in one read
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A file that lies in its place. `name`: as it was asked for."""

    id: str
    name: str
    file: str
    media_type: str
    size_bytes: int
    sha256: str

    def digest(self, card_id: str) -> str:
        """A fingerprint of what was asked for: the same key must come with the same one."""
        asked = json.dumps(["attachment", card_id, self.name, self.sha256])
        return hashlib.sha256(asked.encode("utf-8")).hexdigest()


async def attach(
    database: Database, data_dir: Path, card: str, name: str, pieces: AsyncIterable[bytes], key: str | None = None
) -> dict[str, Any]:
    """Give a card a file; returns it as programs get it, under a key that was heard before the one of then.

    Raises: errors.NotFound; errors.Invalid; errors.TooLarge; errors.UnknownKind; errors.Conflict where there are too
    many; errors.Unavailable.
    """
    row = await database.read(queries.one, card)
    called = attachment_names.cleaned(name)
    with _disk_told():
        incoming = await asyncio.to_thread(Incoming, data_dir, row.id, ids.new())
        with incoming:
            async for piece in _gathered(pieces):
                await asyncio.to_thread(incoming.write, piece)
            new = _described(incoming, called)
            path = await asyncio.to_thread(incoming.keep, new.file)
    try:
        made = await database.write(add, row.id, new, key)
    except errors.OutcomeUnknown:
        raise  # it may have its row: if not, it is found later
    except errors.ConselhoError:
        path.unlink(missing_ok=True)
        raise
    if made["id"] != new.id:
        path.unlink(missing_ok=True)
    return made


def add(tx: Tx, card_id: str, new: New, key: str | None = None) -> dict[str, Any]:
    """Write the row of a file; under a key that made one already, what was answered then.

    Raises: errors.NotFound; errors.Conflict; errors.Invalid for a key that came with another file.
    """
    card = queries.locked(tx, card_id)
    if key is not None:
        digest = new.digest(card_id)
        earlier = keys.said(tx, key, digest) or keys.claim(tx, key, digest)
        if earlier is not None:
            return earlier
    present = attachments.of_card(tx, card_id)
    if len(present) >= limits.ATTACHMENTS_MAX:
        most = limits.ATTACHMENTS_MAX
        raise board.refused(tx, card, f"card {card.number} has {most} files, and may not have more: remove one first")
    name = attachment_names.numbered(new.name, {each.name for each in present})
    tx.execute(insert(Attachment), asdict(new) | {"card_id": card_id, "name": name, "created_at": tx.now})
    _say_changed(tx, card)
    made = attachments.told(attachments.one(tx, card, new.id))
    if key is not None:
        keys.keep(tx, key, made)
    return made


async def detach(database: Database, data_dir: Path, card: str, attachment_id: str) -> None:
    """Take a file from a card. Raises: errors.NotFound."""
    row = await database.write(remove, card, attachment_id)
    path = attached_files.path(data_dir, row.card_id, row.file)
    try:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    except OSError as error:
        _log.warning("%s stays for now: %s", path, error.strerror)


def remove(tx: Tx, card: str, attachment_id: str) -> Row[Any]:
    """Remove the row of a file; returns it as it was. Raises: errors.NotFound."""
    owner = queries.locked(tx, card)
    row = attachments.one(tx, owner, attachment_id)
    tx.execute(delete(Attachment).where(Attachment.id == row.id))
    _say_changed(tx, owner)
    return row


async def tidy(database: Database, data_dir: Path) -> None:
    """Remove files that have no row: their process died between the one and the other."""
    lying = await asyncio.to_thread(lambda: list(attached_files.lying(data_dir, LEFT_AFTER)))
    for start in range(0, len(lying), AT_ONCE):
        for each in await database.read(attachments.ownerless, lying[start : start + AT_ONCE]):
            _log.info("%s belongs to nothing any more and is removed", each.path)
            await asyncio.to_thread(each.path.unlink, missing_ok=True)


def _described(incoming: Incoming, name: str) -> New:
    media_type = incoming.media_type
    return New(
        id=incoming.attachment_id,
        name=name,
        file=attachment_names.on_disk(incoming.attachment_id, name, media_type),
        media_type=media_type,
        size_bytes=incoming.size_bytes,
        sha256=incoming.sha256,
    )


def _say_changed(tx: Tx, card: Row[Any]) -> None:
    board.write(tx, card, {})
    events.append(tx, "card.changed", data={"card_id": card.id, "card": card.number, "fields": ["attachments"]})


async def _gathered(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same in larger pieces."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


@contextmanager
def _disk_told() -> Iterator[None]:
    """What the disk says, as an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise errors.StorageFull from error
        raise errors.Unavailable(f"the file cannot be kept: {error.strerror or error}") from error
