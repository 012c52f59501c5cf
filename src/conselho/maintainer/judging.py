"""What is wrong with one file, and what does it look like without that?

Runs in a child process, since the parsers of files of strangers may die of them. What does not parse is left to a
person, white space and all; and so is each kind of fault that would change what the file says when it is mended.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from conselho.analyses import broken_windows, formats
from conselho.analyses.report import Finding
from conselho.maintainer import meaning, permitted, whitespace
from conselho.maintainer.permitted import Wishes
from conselho.maintainer.whitespace import Kind

Fix = Callable[[bytes, bytes], bytes | None]
"""(path, source) to the source with its imports mended; None where that failed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one file: what does not parse, or why that is let pass; else what is mended, and how it reads then."""

    broken: Finding | None = None
    excuse: str | None = None
    lines: dict[Kind, tuple[int, ...]] = field(default_factory=dict)
    has_fixed_imports: bool = False
    digest: bytes = b""  # of the file as it was read
    after: bytes | None = None  # None: nothing is to be changed


def judge(requires_minor: int | None, wishes: Wishes, fix: Fix | None, path: bytes, data: bytes) -> Judged:
    """One file. `requires_minor`: the Python 3 that the project asks for. `fix`: for one whose imports are at fault."""
    found = broken_windows.judge(requires_minor, path, data)
    if found.finding or found.excuse:
        return Judged(found.finding, found.excuse)
    imported = _with_fixed_imports(fix, path, data) if fix else data
    after = imported
    lines: dict[Kind, tuple[int, ...]] = {}
    if permitted.is_candidate(path) and not whitespace.has_lone_return(after):
        mended = _mended(path, after, wishes)
        after, lines = mended.data, mended.lines
    return Judged(
        lines=lines,
        has_fixed_imports=imported != data,
        digest=digest(data),
        after=None if after == data else after,
    )


def digest(data: bytes) -> bytes:
    """By which a file is known again before it is replaced."""
    return hashlib.sha256(data).digest()


def _with_fixed_imports(fix: Fix, path: bytes, data: bytes) -> bytes:
    fixed = fix(path, data)
    if fixed is None or not meaning.same_but_imports(data, fixed) or formats.python_fault(fixed) is not None:
        return data
    return fixed


def _mended(path: bytes, data: bytes, wishes: Wishes) -> whitespace.Mended:
    kinds = wishes.kinds & permitted.kinds_in(path, data)
    mended = whitespace.mend(data, kinds, line_end=wishes.line_end)
    if not mended.lines or not meaning.is_known(path):
        return mended
    try:
        untouched = meaning.lines_in_strings(path, data)
    except (SyntaxError, ValueError):
        return whitespace.Mended(data)
    mend = partial(whitespace.mend, data, untouched=untouched, line_end=wishes.line_end)
    mended = mend(kinds)
    if meaning.is_same(path, data, mended.data):
        return mended
    harmless: list[Kind] = []
    for kind in sorted(kinds):
        if meaning.is_same(path, data, mend([*harmless, kind]).data):
            harmless.append(kind)
    return mend(harmless)
