"""A percentile from buckets is within 5 % of the one from the durations themselves."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import durations

SECONDS = st.floats(durations.SECONDS_MIN, durations.SECONDS_MAX)


@given(SECONDS)
def test_whatever_lies_in_a_bucket_is_within_5_percent_of_its_middle(seconds: float) -> None:
    assert durations.middle_of(durations.bucket_of(seconds)) == pytest.approx(seconds, rel=0.05)


@given(st.lists(SECONDS, min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_within_5_percent(several: list[float], part: float) -> None:
    true = sorted(several)[math.ceil(part * len(several)) - 1]
    found = durations.percentile(Counter(map(durations.bucket_of, several)), part)
    assert found == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize(("seconds", "as_if"), [(0.0, 0.001), (-1.0, 0.001), (1e-9, 0.001), (1e9, 7 * 86400.0)])
def test_what_is_out_of_range_counts_as_the_nearest(seconds: float, as_if: float) -> None:
    assert durations.bucket_of(seconds) == durations.bucket_of(as_if)


def test_of_nothing_there_is_no_percentile() -> None:
    assert durations.percentile({}, 0.5) is None
