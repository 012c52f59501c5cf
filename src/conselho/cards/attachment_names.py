"""What is a file of a card called? For people as they named it, as far as that is one name; on the disk so that nobody
takes it for anything else.
"""

import re
import unicodedata
from collections.abc import Container

from conselho import errors
from conselho.cards import media

NAME_BYTES_MAX = 255  # as file systems have it
_KEPT_BYTES = 150  # of a name on the disk, beside an id: far less than any file system takes
_SUFFIX_BYTES_MAX = 20  # a longer one is part of the name
_UNSAFE = re.compile(r"[^\w.-]+")  # for a shell, for a program's own way of writing several paths in one argument


def cleaned(name: str) -> str:
    """The last part of a path, without what cannot be seen. Raises: errors.Invalid where no name is left, or too much.

    What only breaks lines or turns writing around is left out, and other white space is a blank.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name).rstrip("/\\"))[-1]
    seen = "".join(" " if unicodedata.category(each) == "Zs" else each for each in last)
    seen = "".join(each for each in seen if each.isprintable()).strip()
    if not seen.strip(". "):
        raise errors.Invalid(f"name: {name[:50]!r} is none for a file")
    if len(seen.encode()) > NAME_BYTES_MAX:
        raise errors.Invalid(f"name: that of a file has at most {NAME_BYTES_MAX} bytes")
    return seen


def numbered(name: str, taken: Container[str]) -> str:
    """The name, with a number where it is taken: nothing that was attached is lost to what is called the same."""
    if name not in taken:
        return name
    stem, suffix = _parts(name)
    number = 2
    while (found := _fitting(stem, f"-{number}{suffix}", NAME_BYTES_MAX)) in taken:
        number += 1
    return found


def on_disk(attachment_id: str, name: str, media_type: str) -> str:
    """Letters, digits, `_`, `.` and `-`; the id makes it the only one, and its end does not belie what it is."""
    stem, suffix = _parts(_UNSAFE.sub("_", name))
    usual = media.IMAGES.get(media_type)
    if usual is not None and suffix.lower() not in usual:
        stem, suffix = stem + suffix, usual[0]
    elif usual is None and any(suffix.lower() in each for each in media.IMAGES.values()):
        stem, suffix = stem + suffix, ".txt"
    return _fitting(f"{attachment_id}-{stem}", suffix, len(attachment_id) + _KEPT_BYTES)


def _parts(name: str) -> tuple[str, str]:
    stem, dot, end = name.rpartition(".")
    if not stem or not end or len(end.encode()) > _SUFFIX_BYTES_MAX:
        return name, ""
    return stem, dot + end


def _fitting(stem: str, end: str, bytes_max: int) -> str:
    """Both together, the first cut where they would be too long."""
    return stem.encode()[: bytes_max - len(end.encode())].decode("utf-8", "ignore") + end
