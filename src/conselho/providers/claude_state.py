"""What is remembered of a run of Claude Code, from line to line?"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conselho.providers.speech import CALLS_MAX, Calls, amount_of, count_of
from conselho.providers.trouble import Trouble

TOOLS_NAMED = 20  # of those that were denied


@dataclass(slots=True)
class Usage:
    """What the run used, as its results say; None while none has."""

    turns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None

    def add(self, result: dict[str, Any]) -> None:
        """Add what one result says happened since the one before it.

        After a resume `total_cost_usd` and `modelUsage` count the whole session, so they are taken only where nothing
        says what is new, and where they agree with `usage`, which counts this run.
        """
        self.turns = _sum(self.turns, count_of(result.get("num_turns")))
        since = result.get("model_usage_since_last_result")
        models = [each for each in since.values() if isinstance(each, dict)] if isinstance(since, dict) else None
        if models is None:
            usage = result.get("usage")
            self._add_tokens([usage] if isinstance(usage, dict) else [], _BY_USAGE)
            if _counts_this_run(result):
                self.cost_usd = _sum(self.cost_usd, amount_of(result.get("total_cost_usd")))
            return
        self._add_tokens(models, _BY_MODEL)
        costs = [amount_of(each.get("costUSD")) for each in models]
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            self.cost_usd = _sum(self.cost_usd, sum(known))

    def _add_tokens(self, counted: list[dict[str, Any]], names: tuple[str, str, str, str]) -> None:
        fresh, cached, kept, said = (sum(count_of(each.get(name)) or 0 for each in counted) for name in names)
        self.input_tokens = _sum(self.input_tokens, fresh + cached + kept)
        self.cached_tokens = _sum(self.cached_tokens, cached)
        self.output_tokens = _sum(self.output_tokens, said)


@dataclass(slots=True)
class State:
    """All that was read so far, as far as the end needs it."""

    calls: Calls = field(default_factory=Calls)
    usage: Usage = field(default_factory=Usage)
    session: str | None = None
    model: str | None = None
    answer: str = ""  # what the model said last
    result: dict[str, Any] | None = None  # the last one; None again once work goes on after it
    error: str = ""  # the CLI's own word for what its API did, as `rate_limit`
    lifts_at: datetime | None = None
    retries: int = 0
    trouble: Trouble = field(default_factory=Trouble)  # its words are the CLI's own, as `error` is
    denied: Counter[str] = field(default_factory=Counter)
    denied_calls: set[str] = field(default_factory=set)
    refused_command: str = ""  # a prompt that was a command of the CLI, which did not do it
    unread: int = 0  # lines that were too long, or no JSON
    is_cut: bool = False  # the rest of a line that was too long is still to come
    complaint: str = ""  # the last line of stderr

    def deny(self, tool: str, call: str) -> bool:
        """Count a denial; False for one that was counted: it is told when it happens, and again at the end."""
        if call in self.denied_calls:
            return False
        if len(self.denied_calls) < CALLS_MAX:
            self.denied_calls.add(call)
        self.denied[tool if tool in self.denied or len(self.denied) < TOOLS_NAMED else "others"] += 1
        return True


_BY_MODEL = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
_BY_USAGE = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


def _sum(before: Any, more: Any) -> Any:
    return before if more is None else more if before is None else before + more


def _counts_this_run(result: dict[str, Any]) -> bool:
    whole, usage = result.get("modelUsage"), result.get("usage")
    if not isinstance(whole, dict) or not isinstance(usage, dict):
        return True
    counted = [count_of(each.get("inputTokens")) or 0 for each in whole.values() if isinstance(each, dict)]
    return sum(counted) == (count_of(usage.get("input_tokens")) or 0)
