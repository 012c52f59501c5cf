"""Which files belong to a card? Their rows here, their content in the data directory (`attached_files.py`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from conselho import errors, ids
from conselho.cards.attached_files import Lying
from conselho.cards.models import Attachment, Card
from conselho.db.among import among
from conselho.db.session import Tx
from conselho.executions.shown import moment

_ROWS = select(Attachment.__table__)
_OF_CARD = _ROWS.where(Attachment.card_id == bindparam("of_card")).order_by(Attachment.id)
_ONE = _ROWS.where(Attachment.card_id == bindparam("of_card"), Attachment.id == bindparam("asked"))
_COUNTS = (
    select(Attachment.card_id, func.count().label("files"))
    .where(among(Attachment.__table__.c.card_id, "card_ids"))
    .group_by(Attachment.card_id)
)
_KNOWN = select(Attachment.id).where(among(Attachment.__table__.c.id, "asked_for"))
_CARDS = select(Card.id).where(among(Card.__table__.c.id, "card_ids"))


def of_card(tx: Tx, card_id: str) -> Sequence[Row[Any]]:
    """The files of a card, the oldest first."""
    return tx.execute(_OF_CARD, {"of_card": card_id}).all()


def one(tx: Tx, card: Row[Any], attachment_id: str) -> Row[Any]:
    """One of a card's files. Raises: errors.NotFound."""
    row = None
    if ids.is_id(attachment_id):
        row = tx.execute(_ONE, {"of_card": card.id, "asked": attachment_id}).one_or_none()
    if row is None:
        raise errors.NotFound(f"card {card.number} has no file {attachment_id[:50]!r}: look at those it has")
    return row


def counts(tx: Tx, card_ids: Sequence[str]) -> Mapping[str, int]:
    """How many files each of these cards has, where it has any."""
    return {row.card_id: row.files for row in tx.execute(_COUNTS, {"card_ids": card_ids})}


def ownerless(tx: Tx, lying: Sequence[Lying]) -> list[Lying]:
    """Those without a row, of cards that this database has: who serves another one for a while loses nothing."""
    cards = set(tx.execute(_CARDS, {"card_ids": sorted({each.card_id for each in lying})}).scalars())
    known = set(tx.execute(_KNOWN, {"asked_for": [each.attachment_id for each in lying]}).scalars())
    return [each for each in lying if each.card_id in cards and each.attachment_id not in known]


def told(row: Row[Any]) -> dict[str, Any]:
    """One as people and programs get it."""
    fields = {name: getattr(row, name) for name in ("id", "name", "media_type", "size_bytes", "sha256")}
    return fields | {"created_at": moment(row.created_at)}
