"""Can a provider do what it is asked? Said where it is asked for, and not by a run that fails.

What one CLI can do another cannot: each says it itself, by making its invocation. Nothing is started here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from conselho.providers import options, registry
from conselho.providers.base import Task

TOLD_LATER = "."  # stands for a prompt that comes with each run
_SESSION = "00000000-0000-4000-8000-000000000000"  # in place of one that is made when it is run
_FOLDER = "/tmp"  # noqa: S108 - stands for the run's own directory: nothing is written


def check(
    provider: str,
    *,
    argv: Sequence[str],
    prompt: str | None,
    model: str | None,
    given: Mapping[str, Any] | None,
    cwd: str | None = None,
    resume: str | None = None,
) -> None:
    """Have the provider say whether it can. Raises: errors.Invalid with its sentence, or naming the providers."""
    task = Task(
        argv=tuple(argv),
        prompt=prompt,
        model=model,
        options=options.of(given),
        cwd=cwd or "/",
        session=resume,
        new_session=_SESSION,
        folder=_FOLDER,
    )
    registry.find(provider).invocation(task)


def merged(under: Mapping[str, Any] | None, over: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Options field by field: those of `over` win, and None there brings one back to its default.

    Raises: errors.Invalid for what are no options.
    """
    if not under and not over:
        return None
    return options.of({**(under or {}), **(over or {})}).stored()
