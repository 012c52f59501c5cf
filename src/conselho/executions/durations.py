"""How are the median and other percentiles of durations known without keeping the durations?

Each is counted in a bucket of a logarithmic scale, in which one bucket ends a tenth above the one before. Whatever lies
in a bucket is within 5 % of its geometric middle, however long it took.
"""

import math
from collections.abc import Mapping

SECONDS_MIN = 0.001  # what took less is counted as this
SECONDS_MAX = 7 * 86400.0  # no run may take longer

_STEP = math.log(1.1)


def bucket_of(seconds: float) -> int:
    """The bucket of a duration."""
    return math.floor(math.log(min(max(seconds, SECONDS_MIN), SECONDS_MAX)) / _STEP)


def middle_of(bucket: int) -> float:
    """Seconds that stand for all that lies in a bucket."""
    return math.exp((bucket + 0.5) * _STEP)


def percentile(buckets: Mapping[int, float], part: float) -> float | None:
    """Seconds that `part` (0..1] of the counted durations do not exceed; None where nothing was counted."""
    wanted = math.ceil(part * sum(buckets.values()))
    reached = 0.0
    for bucket in sorted(buckets):
        reached += buckets[bucket]
        if reached >= wanted > 0:
            return middle_of(bucket)
    return None
