"""What one run used up of what its CLI counted of the whole session."""

import pytest

from conselho.providers.base import Conclusion
from conselho.worker import usage

COUNTED = Conclusion(
    result="done", session="a", input_tokens=100, output_tokens=20, cached_tokens=60, counts_session=True
)


def used(conclusion: Conclusion) -> tuple[int | None, int | None, int | None]:
    return conclusion.input_tokens, conclusion.output_tokens, conclusion.cached_tokens


def test_a_run_that_took_up_a_session_used_what_was_counted_since() -> None:
    before = usage.of_session(COUNTED)
    after = Conclusion(session="a", input_tokens=150, output_tokens=21, cached_tokens=60, counts_session=True)
    assert used(usage.of_run(after, "a", before)) == (50, 1, 0)
    assert usage.of_session(after) == {"input_tokens": 150, "output_tokens": 21, "cached_tokens": 60}


@pytest.mark.parametrize("before", [None, {}, {"input_tokens": "9"}, {"input_tokens": 101}])
def test_what_is_not_known_of_the_session_is_not_known_of_the_run(before: dict[str, int] | None) -> None:
    alone = usage.of_run(COUNTED, "a", before)
    assert (alone.result, alone.session, used(alone)) == ("done", "a", (None, None, None))


@pytest.mark.parametrize("resumed", [None, "b"])
def test_all_is_its_own_of_a_run_that_began_its_session(resumed: str | None) -> None:
    assert usage.of_run(COUNTED, resumed, {"input_tokens": 1}) == COUNTED


def test_of_a_cli_that_counts_each_run_nothing_is_taken() -> None:
    each = Conclusion(session="a", input_tokens=10)
    assert usage.of_run(each, "a", {"input_tokens": 1}) == each
    assert usage.of_session(each) is None
