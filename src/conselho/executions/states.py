"""When may a run go from one state to another, and what says so?

The table below is the only answer: every change of status in the house goes through one of its arrows, as one
statement that checks what it saw, in the unit that appends the arrow's event. docs/reference/states.md is
generated from it, and a property test walks it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The states of an execution."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # a worker holds it; nothing has been forked
    RUNNING = "running"  # the spawn intent was committed before the fork
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # the process tree is gone
    LOST = "lost"  # nobody can know whether, or how, the run ended
    EXPIRED = "expired"  # it was not started before `start_before`

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended: nothing changes it any more."""
        return self in TERMINAL


ACTIVE = (Status.CLAIMED, Status.RUNNING)
OPEN = (Status.QUEUED, *ACTIVE)
TERMINAL = tuple(status for status in Status if status not in OPEN)


@dataclass(frozen=True, slots=True)
class Arrow:
    """One allowed change: who makes it and the event it appends."""

    source: Status
    target: Status
    verb: str
    event: str
    when: str


_FINISHED = "execution.finished"
_REQUEUED = "execution.requeued"

ARROWS = (
    Arrow(
        Status.QUEUED, Status.CLAIMED, "claim", "execution.claimed", "a worker has a free seat and every lane has room"
    ),
    Arrow(Status.QUEUED, Status.CANCELLED, "cancel", _FINISHED, "asked for before a worker held it"),
    Arrow(Status.QUEUED, Status.EXPIRED, "expire", _FINISHED, "`start_before` has passed"),
    Arrow(Status.QUEUED, Status.LOST, "restore", _FINISHED, "the database was restored from a backup"),
    Arrow(
        Status.CLAIMED,
        Status.RUNNING,
        "start",
        "execution.started",
        "the spawn intent, before the fork; no cancel was asked for",
    ),
    Arrow(Status.CLAIMED, Status.QUEUED, "give_back", _REQUEUED, "its worker gave it back, or its lease is over"),
    Arrow(Status.CLAIMED, Status.CANCELLED, "cancel", _FINISHED, "asked for; nothing was forked"),
    Arrow(Status.CLAIMED, Status.FAILED, "finish", _FINISHED, "it cannot be started: no such directory, say"),
    Arrow(Status.CLAIMED, Status.LOST, "restore", _FINISHED, "the database was restored from a backup"),
    Arrow(Status.RUNNING, Status.SUCCEEDED, "finish", _FINISHED, "the run ended well"),
    Arrow(Status.RUNNING, Status.FAILED, "finish", _FINISHED, "the run ended badly"),
    Arrow(Status.RUNNING, Status.TIMED_OUT, "finish", _FINISHED, "the shim ended it: timeout or idle timeout"),
    Arrow(Status.RUNNING, Status.CANCELLED, "finish", _FINISHED, "asked for, and the tree is gone"),
    Arrow(Status.RUNNING, Status.LOST, "lose", _FINISHED, "another boot of its host, or unreachable for too long"),
    Arrow(Status.RUNNING, Status.LOST, "restore", _FINISHED, "the database was restored from a backup"),
    Arrow(
        Status.RUNNING, Status.QUEUED, "give_back", _REQUEUED, "the holder of the fence proved that nothing was forked"
    ),
    Arrow(
        Status.RUNNING,
        Status.QUEUED,
        "begin_anew",
        _REQUEUED,
        "its agent CLI ended without doing anything, for it did not know the session to take up; once",
    ),
)

_ALLOWED = {(arrow.source, arrow.target, arrow.verb): arrow for arrow in ARROWS}


def arrow(source: Status, target: Status, verb: str) -> Arrow:
    """The arrow of that change. Raises KeyError where the table has none: a bug, not a race."""
    return _ALLOWED[source, target, verb]


def can_become(source: Status, target: Status) -> bool:
    """Whether any arrow leads from one to the other."""
    return any(arrow.source is source and arrow.target is target for arrow in ARROWS)


def as_table() -> str:
    """The table as Markdown, for the reference."""
    lines = ["| from | to | by | event | when |", "|---|---|---|---|---|"]
    lines += [f"| {a.source} | {a.target} | `{a.verb}` | `{a.event}` | {a.when} |" for a in ARROWS]
    return "\n".join(lines)
