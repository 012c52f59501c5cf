"""What stands in the files of a run directory, and how does it get there so that it is whole?

Standard library only and light on imports: the shim loads this file on every start. json would pull in re and enum,
half of the shim's start, for a dozen values: its C parts are used here without it.
"""

# pathlib and contextlib cost more to import than everything this file does.
# ruff: noqa: SIM105

from __future__ import annotations

from _json import encode_basestring_ascii, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any
else:
    import posix as os  # the same without os.path and the classes of collections.abc

EXIT_BYTES_MAX = 4096  # reserved before the agent starts, so that a full disk cannot hide its end
EXIT, EXIT_RESERVED = "exit.json", "exit.json.reserved"
PROCESSES_MAX = 100  # more never fit
WORD_BYTES_MAX = 64
EOPNOTSUPP = 95  # the errno module costs an import


class Plain:
    """How the C scanner is to read JSON: as the json module does by default."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def read_json(name: str) -> Any:
    """Read a JSON file that starts with its value."""
    return make_scanner(Plain)(read(name).decode(), 0)[0]  # type: ignore[arg-type]


def encode(value: object) -> str:
    """Return JSON for dicts, lists, strings, finite numbers, booleans and None."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{encode(key)}: {encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(encode, value)) + "]"
    return repr(value)


def encode_exit(facts: dict[str, Any], killed: list[Any], left: list[Any]) -> bytes:
    """Return what goes to `exit.json`: at most EXIT_BYTES_MAX, for which the lists are cut and counted."""
    more = {"killed": len(killed), "left": len(left)}
    lists = {"killed": killed[:PROCESSES_MAX], "left": left[:PROCESSES_MAX]}
    while True:
        for name, listed in lists.items():
            facts[name] = listed
            facts[name + "_more"] = more[name] - len(listed)
        text = encode(facts).encode()
        if len(text) <= EXIT_BYTES_MAX:
            return text
        (lists["killed"] or lists["left"]).pop()


def reserve_exit() -> None:
    """Have the room for `exit.json`, under another name, which is on the disk with the next `write_fact`."""
    fd = os.open(EXIT_RESERVED, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, EXIT_BYTES_MAX)
    except OSError as error:
        if error.errno != EOPNOTSUPP:
            raise
        _write(fd, bytes(EXIT_BYTES_MAX))  # what glibc does itself on such a file system
    finally:
        os.close(fd)


def write_exit(text: bytes) -> None:
    """Put the last word, filled up with blanks, into its room and onto the disk; then give it its name.

    The name may be lost with the power: the word then stands under that of its room, where readers look as well.
    """
    fd = os.open(EXIT_RESERVED, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _write(fd, text.ljust(EXIT_BYTES_MAX))
        os.fdatasync(fd)  # neither the size nor the place of anything changed: it waits for nobody else's changes
    finally:
        os.close(fd)
    os.rename(EXIT_RESERVED, EXIT)


def write_fact(name: str, text: bytes) -> None:
    """Write a file that is whole as soon as it is there; its name is on the disk then, what it says perhaps not."""
    fd = os.open(name + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write(fd, text)
    finally:
        os.close(fd)
    os.rename(name + ".new", name)
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_stdin() -> int:
    """Open what the agent reads: the file `stdin`, else nothing."""
    try:
        return os.open("stdin", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)


def drop_stdin() -> None:
    """Take the name of `stdin` away: who has it open reads on."""
    try:
        os.unlink("stdin")
    except OSError:
        pass  # there was none


def read_cancel() -> str | None:
    """Return the reason why the run must end, or None while nobody wants that."""
    try:
        return read("cancel", WORD_BYTES_MAX).decode("ascii", "replace").strip() or "cancelled"
    except OSError:
        return None


def read_deadline() -> float:
    """Return the boot clock second up to which the worker answers for the run; long past if it cannot be read."""
    try:
        return float(read("deadline", WORD_BYTES_MAX))
    except (OSError, ValueError):
        return float("-inf")


def _write(fd: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], written)


def read(name: str, size_max: int = 1 << 30) -> bytes:
    """Read a whole file, or its beginning."""
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, min(size_max, os.fstat(fd).st_size))
    finally:
        os.close(fd)
