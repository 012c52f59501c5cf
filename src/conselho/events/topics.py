"""Which events does somebody want to see? Those of some topics: the part of the product that a kind speaks of.

`log:<execution>@<seq>` is a topic, too: the lines of one log behind a number, in the same stream, so that a page that
shows events and a log needs one connection.
"""

import re
from dataclasses import dataclass, field

from conselho import errors, ids

TOPICS = {
    "execution": "executions",
    "councilor": "councilors",
    "card": "cards",
    "project": "projects",
    "delivery": "deliveries",
    "worker": "workers",
}
KEPT = frozenset({"cards", "councilors"})  # retention leaves their events
NAMES = (*sorted(TOPICS.values()), "log:<execution>@<seq>")
LOGS_MAX = 20  # in one stream

_KNOWN = frozenset(TOPICS.values())
_LOG = re.compile(r"log:([0-9a-f-]{36})(?:@([0-9]{1,9}))?")

Topics = frozenset[str] | None  # None: all


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream is to carry: events of topics, and the lines of logs behind a number."""

    topics: Topics = None
    logs: dict[str, int] = field(default_factory=dict)


def of_kind(kind: str) -> str:
    """The topic of `execution.queued`, say."""
    what = kind.partition(".")[0]
    return TOPICS.get(what, what)


def is_wanted(kind: str, asked: Topics) -> bool:
    """Whether an event of that kind is of a topic that was asked for."""
    return asked is None or of_kind(kind) in asked


def parse(text: str | None, *, with_logs: bool = True) -> Wanted:
    """Read `executions,log:<id>@17`. Raises: errors.Invalid for what there is not."""
    if text is None:
        return Wanted()
    topics: set[str] = set()
    logs: dict[str, int] = {}
    for each in text.split(","):
        found = _LOG.fullmatch(each) if with_logs else None
        if each in _KNOWN:
            topics.add(each)
        elif found is not None and ids.is_id(found[1]):
            logs[found[1]] = int(found[2] or 0)
        else:
            names = NAMES if with_logs else NAMES[:-1]
            raise errors.Invalid(f"there is no topic {each[:60]!r}: choose from {', '.join(names)}")
    if len(logs) > LOGS_MAX:
        raise errors.Invalid(f"one stream follows at most {LOGS_MAX} logs: open another")
    return Wanted(frozenset(topics), logs)
