"""What did a run of Claude Code come to? Its last `result`, and what happened on the way.

A denied tool ends in success, and so does, by its subtype, a refusal of the API: `is_error`, the reason why it ended
and the denials say more than the subtype and the exit code.
"""

from typing import Any

from conselho.providers.base import Conclusion, Program
from conselho.providers.claude_state import State
from conselho.providers.speech import storable, text_of
from conselho.providers.trouble import times

SENTENCE_CHARACTERS_MAX = 1000
TOOLS_NAMED = 5
NO_SESSION = "No conversation found with session ID"

# By the CLI's word for what its API did, which stands beside its own message.
_BY_ERROR = {
    "authentication_failed": "auth_failed",
    "oauth_org_not_allowed": "auth_failed",
    "account_on_hold": "auth_failed",
    "verification_required": "auth_failed",
    "cloud_credential_error": "auth_failed",
    "billing_error": "budget",
    "rate_limit": "rate_limited",
    "model_not_found": "model_unknown",
    "invalid_request": "bad_input",
    "max_output_tokens": "api_error",
    "overloaded": "api_error",
    "server_error": "api_error",
    "unknown": "api_error",
}
# By how the CLI's own loop ended, which wins.
_BY_ENDING = {
    "max_turns": "max_turns",
    "error_max_turns": "max_turns",
    "budget_exhausted": "budget",
    "error_max_budget_usd": "budget",
    "prompt_too_long": "context_too_long",
    "blocking_limit": "context_too_long",
    "rapid_refill_breaker": "context_too_long",
}
_TROUBLES = {
    "auth_failed": "the API refused its key",
    "rate_limited": "a limit of the API was reached",
    "budget": "the account at the API has no credit left",
    "model_unknown": "the API has no such model",
}
_ADVICE = {
    "max_turns": "raise options.max_turns, or continue from here",
    "budget_exhausted": "raise options.max_cost_usd, or continue from here",
    "context_too_long": "ask for less at once, or begin anew instead of continuing",
}


def conclusion(state: State, exit_code: int | None, program: Program) -> Conclusion:
    """The outcome of all that was read."""
    reason, sentence = _failure(state, exit_code, program)
    usage = state.usage
    said = text_of(state.result.get("result")) if state.result is not None and reason is None else state.answer
    return Conclusion(
        result=said.strip("\n") or state.answer.strip("\n") or None,
        failure=sentence,
        reason=reason,
        lifts_at=state.lifts_at if reason == "rate_limited" else None,
        at_least_warning=_warning(state, said) if reason is None else None,
        trouble=_trouble(state, program),
        session=None if reason == "session_unknown" else state.session,
        model=state.model,
        turns=usage.turns,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=usage.cost_usd,
    )


def _failure(state: State, exit_code: int | None, program: Program) -> tuple[str | None, str | None]:
    """The reason and the sentence, None twice for a success."""
    result = state.result
    if result is None:
        return _without_result(state, exit_code)
    ending, subtype = text_of(result.get("terminal_reason")), text_of(result.get("subtype"))
    is_aborted = ending.startswith("aborted_")
    if subtype == "success" and result.get("is_error") is not True and not is_aborted:
        return None, None
    words = _words(result) or state.complaint
    if NO_SESSION in words and _did_nothing(state):
        return "session_unknown", _sentence(words)
    reason = _BY_ENDING.get(ending) or _BY_ENDING.get(subtype) or _BY_ERROR.get(state.error)
    if is_aborted:
        return "agent_error", "it was interrupted before it was done"
    if reason is None:
        reason = "api_error" if ending == "api_error" else "agent_error"
    advice = program.sign_in if reason == "auth_failed" else _ADVICE.get(reason) or _ADVICE.get(ending)
    return reason, _sentence(words or "it failed and did not say why", advice)


def _without_result(state: State, exit_code: int | None) -> tuple[str, str]:
    if NO_SESSION in state.complaint and _did_nothing(state):
        return "session_unknown", _sentence(state.complaint)
    how = "it was ended" if exit_code is None else f"it ended with exit code {exit_code}"
    words = f"{how} before it said what it came to"
    return "no_result", _sentence(f"{words}: {state.complaint}" if state.complaint else words)


def _did_nothing(state: State) -> bool:
    """Whether it ended before it began: so it may be begun anew, whatever words it or its model used."""
    return state.session is None and not state.answer and not state.usage.turns


def _words(result: dict[str, Any]) -> str:
    errors = result.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(text_of(each) for each in errors[:3])
    return text_of(result.get("result"))


def _sentence(words: str, advice: str | None = None) -> str:
    line = " ".join(storable(words[: 4 * SENTENCE_CHARACTERS_MAX]).split())[:SENTENCE_CHARACTERS_MAX]
    return line if advice is None else f"{line.rstrip('.')}: {advice}"


def _trouble(state: State, program: Program) -> str | None:
    reason = _BY_ERROR.get(state.trouble.words, "api_error")
    words = _TROUBLES.get(reason, "the API did not answer as it should")
    advice = program.sign_in if reason == "auth_failed" else None
    return state.trouble.told(_sentence(f"{words} ({state.trouble.words or 'no reason given'})", advice))


def _warning(state: State, said: str) -> str | None:
    """The one sentence of why it is no plain success, the gravest first."""
    if state.denied:
        tools = [f"{tool} ({times})" if times > 1 else tool for tool, times in state.denied.most_common(TOOLS_NAMED)]
        return f"it was not allowed to use {', '.join(tools)}"
    if state.refused_command:
        return f"its prompt was taken for a command of the CLI: {state.refused_command}"
    if state.unread:
        return f"{state.unread} line{'' if state.unread == 1 else 's'} of its output could not be read"
    if not said.strip():
        return "its answer is empty"
    if state.retries:
        return f"the API had to be asked again {times(state.retries)}"
    return None
