"""What did one run use up, where its CLI counts the whole session? What it has counted, less what it had before.

What the session had counted is kept with each run of it, so that the next one can be told from it. Where that is not
known - the run before was ended before it could say - neither is this.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conselho.providers.base import Conclusion

COUNTED = ("input_tokens", "output_tokens", "cached_tokens")


def of_session(conclusion: Conclusion) -> dict[str, int] | None:
    """What its session has counted by now, None where nothing counts one."""
    if not conclusion.counts_session:
        return None
    return {name: value for name in COUNTED if (value := getattr(conclusion, name)) is not None} or None


def of_run(conclusion: Conclusion, resumed: str | None, before: Mapping[str, Any] | None) -> Conclusion:
    """The conclusion with what the run alone used. `before`: `of_session` of the session `resumed`, as it was."""
    if not conclusion.counts_session or resumed is None or conclusion.session not in {None, resumed}:
        return conclusion
    had = before or {}
    alone: dict[str, Any] = {name: _less(getattr(conclusion, name), had.get(name)) for name in COUNTED}
    return replace(conclusion, **alone)


def _less(now: int | None, before: Any) -> int | None:
    """None also for what went down: then the CLI counts in another way."""
    return now - before if now is not None and type(before) is int and now >= before else None
