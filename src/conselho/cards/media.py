"""What is in a file: one of four kinds of images, text, or something that is not taken? Its content says, not its name.

It is looked at as it comes, in pieces. What a browser could run - SVG, HTML - is text here, and shown as text.
"""

import codecs

from conselho import errors

TEXT = "text/plain"
# By the media type: how such a file is called, the usual way first.
IMAGES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
}
_HEAD_BYTES = 16  # by which images are told apart


class Inspection:
    """Of one file. Give it every piece, then ask what it is."""

    def __init__(self) -> None:
        self._head = b""
        self._is_text = True
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def look_at(self, piece: bytes) -> None:
        """The next piece. Raises: errors.UnknownKind as soon as it can be nothing that is taken."""
        if len(self._head) < _HEAD_BYTES:
            self._head += piece[: _HEAD_BYTES - len(self._head)]
        if self._is_text:
            self._is_text = b"\0" not in piece and self._is_utf8(piece)
        if not self._is_text and len(self._head) == _HEAD_BYTES and _image(self._head) is None:
            raise errors.UnknownKind

    def media_type(self) -> str:
        """What it is, once all was looked at. Raises: errors.UnknownKind; errors.Invalid for nothing at all."""
        if not self._head:
            raise errors.Invalid("the file is empty: there is nothing to attach")
        found = _image(self._head)
        if found is not None:
            return found
        if not (self._is_text and self._is_utf8(b"", final=True)):
            raise errors.UnknownKind
        return TEXT

    def _is_utf8(self, piece: bytes, *, final: bool = False) -> bool:
        try:
            self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            return False
        return True


def _image(head: bytes) -> str | None:
    """Source: the signatures of WHATWG's MIME Sniffing, section 6.1."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    is_webp = head.startswith(b"RIFF") and head[8:14] == b"WEBPVP"
    return "image/webp" if is_webp else None
