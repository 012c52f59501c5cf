"""What did a run of OpenCode come to? A success is a last step that ended by itself, with nothing open and no error."""

from conselho.providers import opencode_faults
from conselho.providers.base import Conclusion
from conselho.providers.opencode_faults import Fault
from conselho.providers.opencode_lines import State
from conselho.providers.trouble import times

UNTOLD = "Unexpected server error"
_CUT_REASONS = {"length": "the answer was cut at its longest", "content-filter": "the answer was filtered by its API"}


def conclusion(state: State) -> Conclusion:
    """The outcome; unknown numbers are None."""
    fault = _said(state) or _unsaid(state)
    has_tokens = state.input_tokens > 0 and not state.has_agents
    return Conclusion(
        result=state.answer or None,
        failure=None if fault is None else fault.sentence,
        reason=None if fault is None else fault.reason,
        lifts_at=None if fault is None else fault.lifts_at,
        at_least_warning=_warning(state),
        trouble=_trouble(state),
        session=state.session,
        turns=state.turns or None,
        input_tokens=state.input_tokens if has_tokens else None,
        output_tokens=state.output_tokens if has_tokens else None,
        cached_tokens=state.cached_tokens if has_tokens else None,
        # A model whose price OpenCode does not know costs 0 there.
        cost_usd=round(state.cost_usd, 9) if state.cost_usd > 0 and not state.has_agents else None,
    )


def _said(state: State) -> Fault | None:
    """The first error that was told as an event. One of OpenCode itself tells nothing: its log does."""
    if state.fault is not None and UNTOLD in state.fault.sentence and state.words:
        return opencode_faults.of_words(state.words[-1])
    return state.fault


def _unsaid(state: State) -> Fault | None:
    """Why it is no success, where no event says so; None for a success."""
    if state.last_reason not in {None, "tool-calls", "error"} and not state.open_steps:
        return None
    words = " ".join(state.words)
    if state.session is None and "Session not found" in words:
        return Fault("session_unknown", "OpenCode does not know this session any more: begin a new one")
    if state.is_refused:
        refused = ", ".join(state.denied)
        return Fault(
            "permission_needed",
            f"OpenCode asked for a permission that nobody could give ({refused}): allow it in options.allowed_tools, or"
            " set another permission_mode",
        )
    if state.session is None and ("Configuration is invalid" in words or "Config file at" in words):
        return Fault("bad_input", f"OpenCode cannot read its configuration: {words}")
    if state.session is None and words:
        return opencode_faults.of_words(words)
    ended = f": {words}" if words else ""
    return Fault("no_result", f"OpenCode ended in the middle of its work, without an answer{ended}")


def _trouble(state: State) -> str | None:
    fault = opencode_faults.of_words(state.trouble.words)
    is_known = fault.reason != "agent_error"
    return state.trouble.told(fault.sentence if is_known else f"the model's API failed: {state.trouble.words}")


def _warning(state: State) -> str | None:
    told = []
    if state.denied:
        often = times(max(1, state.denials))
        told.append(f"it was denied what it wanted to do {often} ({', '.join(state.denied)})")
    if state.retries:
        told.append(f"the model's API failed {times(state.retries)}")
    if state.missing:
        told.append(f"MCP servers were not available ({', '.join(state.missing)})")
    if state.last_reason in _CUT_REASONS:
        told.append(_CUT_REASONS[state.last_reason])
    if state.is_astray:
        told.append("its environment hid Conselho's configuration: only the rules of its mode held")
    if state.unreadable or state.cuts:
        told.append(f"{state.unreadable + state.cuts} lines of its output could not be read")
    if not state.answer:
        told.append("it gave no answer")
    return "; ".join(told) or None
