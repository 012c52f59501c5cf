"""How is a place in the events named outside? `<epoch>-<n>`: n counts in one history, and a restore begins another."""

import re
from dataclasses import dataclass

from conselho import errors

ID_MAX = 2**63 - 1

_PLACE = re.compile(r"([0-9A-Za-z-]{1,36})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the event `id` of the history `epoch`."""

    epoch: str
    id: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.id}"


def parse(text: str) -> Place:
    """Read `<epoch>-<n>`. Raises: errors.Invalid."""
    found = _PLACE.fullmatch(text)
    if found is None or int(found[2]) > ID_MAX:
        raise errors.Invalid(f"{text[:60]!r} names no event: give the `id` or `as_of` that you were given")
    return Place(found[1], int(found[2]))
