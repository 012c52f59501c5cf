"""What did a run of Gemini CLI come to? Its `result` says it; without one its exit code, and what it complained of.

Exit codes: 41 sign-in, 42 input, 44 sandbox, 52 settings, 53 turns, 54 a tool, 55 a folder that is not trusted, 130
cancelled; of a refusal of the API the HTTP status, of which a process keeps 8 bits (429 is 173). TERM ends it with 0
and without a `result`.
"""

import re
from typing import Any

from conselho.providers.base import Conclusion
from conselho.providers.gemini_lines import Reading, clean
from conselho.providers.speech import count_of, parsed, spoken, text_of
from conselho.providers.trouble import times

SIGN_IN = "run `gemini` once in a terminal to sign in, or set GEMINI_API_KEY for the agent"
SENTENCE_CHARACTERS_MAX = 500
UNKNOWN = "Error resuming session"
EXIT_REASONS = {41: "auth_failed", 42: "bad_input", 52: "bad_input", 53: "max_turns", 55: "permission_needed"}
_TYPES = {
    "FatalAuthenticationError": "auth_failed",
    "FatalInputError": "bad_input",
    "FatalConfigError": "bad_input",
    "FatalTurnLimitedError": "max_turns",
    "FatalUntrustedWorkspaceError": "permission_needed",
}
_CODES = {429: "rate_limited", 401: "auth_failed", 403: "auth_failed", 404: "model_unknown"}
_WORDS = (
    ("context_too_long", r"exceeds the maximum number of tokens|context window|input token count .* exceed"),
    ("auth_failed", r"API key (?:not valid|expired|was reported)|API_KEY_INVALID|UNAUTHENTICATED|PERMISSION_DENIED"),
    ("rate_limited", r"exhausted your|quota|rate.?limit|RESOURCE_EXHAUSTED|too many requests"),
    ("model_unknown", r"models?/\S+ is not found|Model not found|ModelNotFoundError"),
    ("max_turns", r"max(?:imum)? session turns"),
    ("api_error", r"\[API Error|fetch failed|ECONNREFUSED|ENOTFOUND"),
)
_API_ERROR = re.compile(r"\[API Error: (.*)\]", re.DOTALL)
_ENDS = {
    "auth_failed": f"Gemini was refused: {{0}}: {SIGN_IN}",
    "rate_limited": "Gemini's limit was reached: {0}",
    "context_too_long": "the conversation is too long for the model: {0}: begin a new session, or ask for less at once",
    "model_unknown": "there is no such model: {0}: choose another for the agent",
    "max_turns": "its limit of turns was reached: {0}",
}


def conclusion(state: Reading, exit_code: int | None) -> Conclusion:
    """The whole of it; `exit_code` None: it was ended by a signal, or never began."""
    result = state.result or {}
    reason, failure = _failure(state, exit_code)
    stats = result.get("stats")
    stats = stats if isinstance(stats, dict) else {}
    sent, total = count_of(stats.get("input_tokens")), count_of(stats.get("total_tokens"))
    written = count_of(stats.get("output_tokens"))
    if sent and total and written is not None:
        written = max(written, total - sent)  # what it thought is in the total alone, and paid for
    return Conclusion(
        result=state.message.text or None,
        failure=failure,
        reason=reason,
        lifts_at=state.lifts_at if reason == "rate_limited" else None,
        at_least_warning=None if failure else _warning(state),
        trouble=_trouble(state),
        session=state.session,
        model=_model(stats) or state.model,
        turns=state.turns or None,
        input_tokens=sent or None,
        output_tokens=written if sent else None,
        cached_tokens=count_of(stats.get("cached")) if sent else None,
    )


def _failure(state: Reading, exit_code: int | None) -> tuple[str | None, str | None]:
    """The reason and the sentence, None and None of a good end."""
    if state.result is None:
        return _without_result(state, exit_code)
    if state.result.get("status") == "success":
        return None, None
    error = state.result.get("error")
    error = error if isinstance(error, dict) else {"message": state.warning}
    message = text_of(error.get("message"))
    code, told = _api_error(message)
    reason = _TYPES.get(text_of(error.get("type"))) or _CODES.get(code or 0) or _by_words(message)
    return _told(reason or EXIT_REASONS.get(exit_code or 0) or "agent_error", told)


def _without_result(state: Reading, exit_code: int | None) -> tuple[str, str]:
    told = " ".join(state.first_complaints)
    if not state.has_begun and (unknown := [each for each in state.first_complaints if each.startswith(UNKNOWN)]):
        return "session_unknown", _sentence(unknown[0])
    if not state.has_begun and (reason := EXIT_REASONS.get(exit_code or 0)):
        return _told(reason, told or f"exit code {exit_code}")
    if exit_code == 130:
        return "no_result", "Gemini CLI was cancelled before it had answered"
    last = state.complaints[-1] if state.complaints and exit_code else ""
    return "no_result", _sentence("Gemini CLI ended without a result" + (f": {told or last}" if told or last else ""))


def _told(reason: str, told: str) -> tuple[str, str]:
    return reason, _sentence(_ENDS.get(reason, "{0}").format(_short(told)))


def _api_error(message: str) -> tuple[int | None, str]:
    """The HTTP status that a message holds, and what the API said."""
    found = _API_ERROR.search(message)
    if found is None:
        return None, message
    return _body(found[1])


def _body(text: str) -> tuple[int | None, str]:
    body = (parsed(text) or {}).get("error")
    if not isinstance(body, dict):
        return None, text
    return count_of(body.get("code")), text_of(body.get("message")) or text


def _by_words(message: str) -> str | None:
    return next((reason for reason, words in _WORDS if re.search(words, message[:20_000], re.IGNORECASE)), None)


def _warning(state: Reading) -> str | None:
    if state.refused:
        named = ", ".join(f"{name} ({count})" for name, count in state.refused.most_common(5))
        return _sentence(f"tools were refused: {named}: allow them to the agent, or choose a wider mode")
    if state.warning is not None:
        return _sentence(state.warning)
    if state.is_unreadable:
        return "part of what Gemini CLI printed could not be read"
    if not state.message.is_answered:
        return "it ended without an answer"
    if state.retries:
        return f"Gemini's API had to be asked again {times(state.retries)}"
    return None


def _trouble(state: Reading) -> str | None:
    """What stderr says of a try: `Attempt 1 failed with status 503. Retrying with backoff... _ApiError: {…}`."""
    words = state.trouble.words
    begin = words.find("{")
    code, told = _body(words[begin:]) if begin >= 0 else (None, words)
    reason = _CODES.get(code or 0) or _by_words(words) or "api_error"
    return state.trouble.told(_told(reason, told)[1])


def _model(stats: dict[str, Any]) -> str | None:
    """The model that answered; of several, the one that took most."""
    models = stats.get("models")
    if not isinstance(models, dict):
        return None
    used = {name: count_of(each.get("total_tokens")) or 0 for name, each in models.items() if isinstance(each, dict)}
    most = max(used, key=lambda name: used[name], default=None)
    return clean(most) if most is not None and used[most] else None


def _short(told: str) -> str:
    return (
        " ".join(told[: SENTENCE_CHARACTERS_MAX * 4].split())[:SENTENCE_CHARACTERS_MAX].rstrip(".") or "no reason given"
    )


def _sentence(text: str) -> str:
    return (spoken(" ".join(text.split())) or [""])[0][: 2 * SENTENCE_CHARACTERS_MAX]
