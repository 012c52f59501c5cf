"""What time is it? The one place that asks, so that tests can move it.

Inside a unit of work the time is `tx.now`; everywhere else it is `clock.now()`. Durations come from
`monotonic()`, which no correction of the wall clock can bend.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime


def _wall() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _wall


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _source()


def monotonic() -> float:
    """Seconds since an arbitrary point; only differences mean something."""
    return time.monotonic()


def boot_seconds() -> float:
    """Seconds since the host started, time asleep included: what a run's deadlines are measured in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextlib.contextmanager
def reading(source: Callable[[], datetime]) -> Iterator[None]:
    """Let `now()` read `source` for a while: a test's clock, moved by hand."""
    global _source  # noqa: PLW0603 - one clock a process is the point
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
