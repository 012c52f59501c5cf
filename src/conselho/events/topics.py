"""Which events does somebody want to see? Those of some topics: the part of the product that a kind speaks of."""

from conselho import errors

TOPICS = {
    "execution": "executions",
    "councilor": "councilors",
    "card": "cards",
    "delivery": "deliveries",
    "worker": "workers",
}
_KNOWN = frozenset(TOPICS.values())

Topics = frozenset[str] | None  # None: all


def of_kind(kind: str) -> str:
    """The topic of `execution.queued`, say."""
    what = kind.partition(".")[0]
    return TOPICS.get(what, what)


def is_wanted(kind: str, asked: Topics) -> bool:
    """Whether an event of that kind is of a topic that was asked for."""
    return asked is None or of_kind(kind) in asked


def parse(text: str | None) -> Topics:
    """Read `executions,cards`. Raises: errors.Invalid for one that there is not."""
    if text is None:
        return None
    asked = frozenset(text.split(","))
    unknown = sorted(asked - _KNOWN)
    if unknown:
        raise errors.Invalid(f"there is no topic {unknown[0][:50]!r}: choose from {', '.join(sorted(_KNOWN))}")
    return asked
