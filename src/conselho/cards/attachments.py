"""Which files belong to a card? Their rows here, their content in the data directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, bindparam, select

from conselho.cards.models import Attachment
from conselho.db.session import Tx

_OF_CARD = select(Attachment.__table__).where(Attachment.card_id == bindparam("of_card")).order_by(Attachment.id)


def of_card(tx: Tx, card_id: str) -> Sequence[Row[Any]]:
    """The files of a card, the oldest first."""
    return tx.execute(_OF_CARD, {"of_card": card_id}).all()


def path_of(data_dir: Path, row: Row[Any]) -> Path:
    """Where the content of one lies."""
    return data_dir / "attachments" / str(row.card_id) / str(row.id) / str(row.name)
