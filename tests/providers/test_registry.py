"""Which providers there are, and what is said of one there is not."""

import pytest

from conselho import errors
from conselho.providers import registry
from conselho.providers.base import Task


def test_every_provider_is_found_by_its_name() -> None:
    for name in registry.names():
        assert registry.find(name).name == name
    assert "command" in registry.names()
    assert registry.names() == sorted(registry.names())


@pytest.mark.parametrize("name", ["oracle", "", "Command", "command ", "\0", "x" * 10_000])
def test_one_there_is_not_is_refused_by_a_sentence_that_names_those_there_are(name: str) -> None:
    with pytest.raises(errors.Invalid, match="there is no provider") as told:
        registry.find(name)
    assert "command" in told.value.sentence
    assert len(told.value.sentence) < 500
    assert "\0" not in told.value.sentence


@pytest.mark.parametrize("name", registry.names())
def test_a_provider_keeps_nothing_between_two_runs(name: str) -> None:
    provider = registry.find(name)
    first, second = provider.begin(), provider.begin()
    assert first is not second
    task = Task(argv=("true",) if name == "command" else (), prompt="x", folder="/f")
    assert provider.invocation(task) == provider.invocation(task)
    assert provider.line_bytes_max >= 64 * 1024
    assert provider.conclude(first, 0) == provider.conclude(second, 0)
