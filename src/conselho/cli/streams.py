"""What may a command take for granted of stdin, stdout and stderr? That each is there, and takes every text.

A caller may have closed them (`2>&-`), and then the next file that is opened gets the number of one and is written
into; a terminal may not speak UTF-8, and then our own symbols, let alone what agents print, would break the command
off after its run was accepted. A pipe gets UTF-8 whatever the locale: what agents print is not limited to it.

A full disk or a reader that went away is an error of ours that names the stream, whoever wrote. As Python's own it
would say of a full disk that it is full and not for what, and click and rich would end the program with a code of
their own.
"""

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from conselho import errors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OUTPUT = "standard output"
MESSAGES = "standard error"

_LAST = 2  # the highest descriptor of the three
_TO_ASCII = "conselho.ascii"
# One letter for one, so that columns stay columns.
_ASCII = str.maketrans("✓▲✗·…−⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "+!x-~-|/-\\|/-\\|/")
# C1, which some terminals obey as they do ESC, and what turns the direction of writing.
_STEERING = {
    code: f"\\u{code:04x}"
    for code in (*range(0x80, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


class Unwritable(errors.ConselhoError):
    """A standard stream takes nothing any more. `is_unread`: because nobody reads it, `| head` say."""

    def __init__(self, called: str, error: OSError) -> None:
        super().__init__(f"{called} cannot be written: {(error.strerror or str(error)).lower()}")
        self.called = called
        self.is_unread = isinstance(error, BrokenPipeError)


def stand_up() -> None:
    """Make sure of all three, before anything else is opened."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the name says it
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    sys.stdout = _writing(1, OUTPUT, sys.stdout)
    sys.stderr = _writing(2, MESSAGES, sys.stderr)


def give_up(stream: TextIO) -> None:
    """Nobody takes what is written there: let nothing fail at it any more, least of all Python's last flush."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


class _Named(io.FileIO):
    """A file whose failures to be written say which it is."""

    def __init__(self, descriptor: int, called: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._called = called

    def write(self, data: "ReadableBuffer", /) -> int:
        """As any file does. Raises: Unwritable."""
        try:
            return super().write(data)
        except OSError as error:
            raise Unwritable(self._called, error) from None


class _Terminal(io.TextIOWrapper):
    """Text for a terminal. Whatever writes it, no letter of it steers but those of ASCII, which its writer sees to.

    JSON leaves them as they are: of it, what an agent printed is still part.
    """

    def write(self, text: str, /) -> int:
        """As any text, with each such letter as JSON would escape it."""
        return super().write(text if text.isascii() else text.translate(_STEERING))


def _writing(descriptor: int, called: str, before: TextIO | None) -> TextIO:
    """What takes every text in the place of `before`, which was None where the caller had closed it."""
    raw = _Named(descriptor, called)
    is_terminal = raw.isatty()
    is_by_line = is_terminal or called == MESSAGES or getattr(before, "write_through", False)  # -u
    kind = _Terminal if is_terminal else io.TextIOWrapper
    return kind(
        io.BufferedWriter(raw),
        encoding=before.encoding if before is not None and is_terminal else "utf-8",
        errors=_TO_ASCII if is_terminal else "replace",
        line_buffering=is_by_line,
    )


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    """What a terminal cannot show, as a sign of ASCII where it is one of ours, else as ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].translate(_ASCII)
    return "".join(letter if letter.isascii() else "?" for letter in letters), error.end


codecs.register_error(_TO_ASCII, _as_ascii)
