"""The HTTP doors to the files of cards: attach, list, read, remove.

A file is sent as it is, and read as it comes; `server/guard.py` lets it through. Whatever is in it, a browser that is
led here runs nothing: only images are shown, and all else is a download that is called text.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from conselho import errors
from conselho.cards import attached_files, attaching, attachments, media, queries
from conselho.cards.routes import DataDirectory, Key, Store
from conselho.cards.schemas import AttachmentList, ShownAttachment
from conselho.db.session import Tx
from conselho.executions.answers import as_response, encode

PIECE_BYTES = 256 * 1024
SENT_AS = "application/octet-stream"

router = APIRouter(prefix="/api/v1/cards/{card}/attachments", tags=["cards"])

_POLICY = "default-src 'none'; sandbox"
_ABSENT = errors.documented(errors.NotFound)
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": dict.fromkeys((SENT_AS, *media.IMAGES), _BYTES)}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": dict.fromkeys((media.TEXT, *media.IMAGES), _BYTES), "description": "The content"}
}


@router.post(
    "",
    status_code=201,
    response_model=ShownAttachment,
    responses=errors.documented(errors.NotFound, errors.Conflict, errors.NotJson, errors.UnknownKind),
    openapi_extra=_BODY,
    summary="Attach a file to a card",
)
async def attach(
    request: Request,
    database: Store,
    data_dir: DataDirectory,
    card: str,
    name: Annotated[str, Query(max_length=4096, description="what it is called; of a path its last part")],
    idempotency_key: Key = None,
) -> Response:
    """Keep an image or a text of at most 10 MiB, sent as it is, with the card: 20 a card. Its agents can read it.

    Under an `Idempotency-Key` the same file may be sent again, for 7 days.
    """
    made = await attaching.attach(database, data_dir, card, name, request.stream(), idempotency_key)
    headers = {"Location": f"{request.url.path}/{made['id']}"}
    return as_response(encode(made), 201, headers)


@router.get("", response_model=AttachmentList, responses=_ABSENT, summary="List a card's files")
async def find_attachments(database: Store, card: str) -> Response:
    """All files of a card, the oldest first."""
    return as_response(await database.read(_listed, card))


@router.get(
    "/{attachment}",
    response_class=StreamingResponse,
    responses={**_CONTENT, **errors.documented(errors.NotFound, errors.Gone)},
    summary="Read a card's file",
)
async def read_attachment(database: Store, data_dir: DataDirectory, card: str, attachment: str) -> Response:
    """The content as it was sent. What is no image is sent as plain text, to be kept and not shown."""
    row = await database.read(_one, card, attachment)
    file = await asyncio.to_thread(attached_files.opened, attached_files.path(data_dir, row.card_id, row.file))
    shown = "inline" if row.media_type in media.IMAGES else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(row.name, safe='')}",
        "Content-Length": str(row.size_bytes),
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    media_type = row.media_type if row.media_type in media.IMAGES else "text/plain; charset=utf-8"
    return StreamingResponse(_pieces(file, row.size_bytes), media_type=media_type, headers=headers)


@router.delete("/{attachment}", status_code=204, responses=_ABSENT, summary="Remove a card's file")
async def remove_attachment(database: Store, data_dir: DataDirectory, card: str, attachment: str) -> None:
    """Take a file from a card, and delete it."""
    await attaching.detach(database, data_dir, card, attachment)


def _listed(tx: Tx, card: str) -> bytes:
    rows = attachments.of_card(tx, queries.one(tx, card).id)
    return encode({"items": [attachments.told(each) for each in rows]})


def _one(tx: Tx, card: str, attachment: str) -> Any:
    return attachments.one(tx, queries.one(tx, card), attachment)


def _pieces(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    """At most as much as was announced, whatever became of the file."""
    left = size_bytes
    with file:
        while left and (piece := file.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
