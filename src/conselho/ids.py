"""How are rows named? UUIDv7 as text: unique without asking anyone, and in order of creation.

Source: RFC 9562, section 5.7, with the counter of method 1 (section 6.2) in `rand_a`, so that ids made
within one millisecond by one process still sort in the order they were made.
"""

import os
import threading
import time
import uuid

_COUNTER_MAX = 0xFFF  # the 12 bits of rand_a

_lock = threading.Lock()
_last_millisecond = 0
_counter = 0


def new() -> str:
    """A fresh id, greater than every id this process made before."""
    global _last_millisecond, _counter  # noqa: PLW0603 - the counter is what makes ids rise
    with _lock:
        millisecond = time.time_ns() // 1_000_000
        if millisecond > _last_millisecond:
            _last_millisecond, _counter = millisecond, int.from_bytes(os.urandom(1))
        else:
            _counter += 1
            if _counter > _COUNTER_MAX:
                _last_millisecond, _counter = _last_millisecond + 1, 0
        value = (_last_millisecond << 80) | (0x7 << 76) | (_counter << 64)
    value |= (0b10 << 62) | (int.from_bytes(os.urandom(8)) >> 2)
    return str(uuid.UUID(int=value))


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an id, so that a wrong one is refused before the database is asked."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
