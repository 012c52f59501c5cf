"""What did a run of Codex come to? Its last turn's end says it; without one it failed, whatever its exit code.

A failure has no type of its own in the stream: what it is, its words say. Of a limit they say when it lifts as a time
of day where Codex runs, which is where we do, cut to the minute.
"""

import re
from datetime import UTC, datetime, timedelta

from conselho.providers.base import Conclusion
from conselho.providers.codex_state import Reading
from conselho.providers.speech import count_of, parsed, spoken, text_of
from conselho.providers.trouble import times

SIGN_IN = "sign in: run `codex login`, or give the agent CODEX_API_KEY"
SENTENCE_CHARACTERS_MAX = 500
LIFTS_DAYS_MAX = 366
RESULT_CHARACTERS_MAX = 64 * 1024
_AUTH = (
    r"status:? 401|unauthorized|missing environment variable|missing bearer|incorrect api key|invalid_api_key"
    r"|(?:log|sign) in again|not (?:logged|signed) in|codex login|refresh token"
)
_API = (
    r"unexpected status|stream disconnected|high demand|at capacity|connection failed|exceeded retry limit"
    r"|incomplete response|invalid_request_error|error sending request|timed out"
)
_WORDS = (
    ("not_installed", r"missing optional dependency @openai/codex"),
    ("context_too_long", r"out of room in the model|context_length_exceeded|exceeds the context window"),
    ("auth_failed", _AUTH),
    ("rate_limited", r"usage limit|rate limit|status:? 429|too many requests"),
    ("budget", r"quota exceeded|insufficient_quota|out of credits|spend cap|exceeded your current quota"),
    ("model_unknown", r"does not exist or you do not have access|model_not_found|is not supported when using codex"),
    ("bad_input", r"config(?:uration|\.toml)|no prompt provided|unexpected argument|invalid value|model provider"),
    ("api_error", _API),
)
_REASONS = tuple((reason, re.compile(words, re.IGNORECASE)) for reason, words in _WORDS)
_SENTENCES = {
    "auth_failed": f"Codex was refused: {{0}}: {SIGN_IN}",
    "rate_limited": "Codex's limit was reached: {0}",
    "budget": "there is no more to be spent for Codex: {0}",
    "context_too_long": "the conversation is too long for the model: {0}: begin a new session, or ask for less at once",
    "model_unknown": "there is no such model: {0}: choose another for the agent",
    "session_unknown": "Codex does not know the session: {0}",
}
_UNKNOWN_THREAD = re.compile(r"thread/resume|no rollout found|no conversation found", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AT = re.compile(
    r"try again at (?:([a-z]{3}) (\d{1,2})(?:st|nd|rd|th), (\d{4}) )?(\d{1,2}):(\d{2}) ([ap])m", re.IGNORECASE
)
_IN = re.compile(r"try again in ((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+)", re.IGNORECASE)
_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|m|h|d|(?:second|sec|minute|min|hour|day)s?)(?![a-z])", re.IGNORECASE
)
_SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def conclusion(state: Reading, exit_code: int | None) -> Conclusion:
    """The whole of it; `exit_code` None: it was ended by a signal, or never began."""
    reason, failure = _failure(state, exit_code)
    is_limited = reason == "rate_limited" and state.failed_at is not None
    return Conclusion(
        result=(state.answer or "")[:RESULT_CHARACTERS_MAX] or None,
        failure=failure,
        reason=reason,
        lifts_at=lifts_at(state.message or "", state.failed_at) if is_limited and state.failed_at else None,
        at_least_warning=None if failure else _warning(state),
        trouble=state.trouble.told(_told(state.trouble.words or "no reason given", "api_error")[1]),
        session=state.session,
        input_tokens=count_of(state.usage.get("input_tokens")),
        output_tokens=count_of(state.usage.get("output_tokens")),
        cached_tokens=count_of(state.usage.get("cached_input_tokens")),
        counts_session=True,
    )


def lifts_at(message: str, at: datetime) -> datetime | None:
    """When a limit lifts of which `message` was said at `at`; None where it does not say."""
    found = _on_the_clock(message, at) or _from_then_on(message, at)
    return found if found is not None and at <= found <= at + timedelta(days=LIFTS_DAYS_MAX) else None


def _failure(state: Reading, exit_code: int | None) -> tuple[str | None, str | None]:
    """The reason and the sentence, None and None of a good end."""
    if state.end == "completed":
        return None, None
    if state.end == "failed":
        return _told(state.message or "no reason given", "agent_error")
    complaint = " ".join(state.complaint)
    if state.session is None and complaint:
        if _UNKNOWN_THREAD.search(complaint):
            return "session_unknown", _SENTENCES["session_unknown"].format(_short(complaint))
        return _told(complaint, "agent_error")
    if exit_code and state.message is not None:
        return _told(state.message, "no_result")
    last = f": {_short(complaint)}" if complaint else ""
    return "no_result", f"Codex ended before its turn did{last}"


def _told(message: str, otherwise: str) -> tuple[str, str]:
    reason = next((reason for reason, words in _REASONS if words.search(message)), otherwise)
    return reason, _SENTENCES.get(reason, "{0}").format(_short(message))


def _warning(state: Reading) -> str | None:
    if state.refused:
        named = ", ".join(f"{name} ({count})" for name, count in state.refused.most_common(5))
        return _sentence(f"calls were refused: {named}: choose a wider permission mode if they are needed")
    if state.is_sandbox_broken:
        return (
            "Codex cannot make its sandbox here, so its commands did not run: let its user make namespaces "
            "(kernel.unprivileged_userns_clone, user.max_user_namespaces), or choose the mode full in a container"
        )
    if state.is_unreadable:
        return "part of what Codex printed could not be read"
    if not state.is_answered:
        return "it ended without an answer"
    if state.retries:
        return f"the model's API had to be asked again {times(state.retries)}"
    return None


def _on_the_clock(message: str, at: datetime) -> datetime | None:
    found = _AT.search(message)
    if found is None:
        return None
    month, day, year, hour, minute, half = found.groups()
    today = at.astimezone()
    try:
        date = (int(year), _MONTHS.index(month.lower()) + 1, int(day)) if month else today.timetuple()[:3]
        local = datetime(*date, int(hour) % 12 + 12 * (half.lower() == "p"), int(minute))  # noqa: DTZ001 - as it is said
        return local.astimezone(UTC) + timedelta(minutes=1)  # the minute that was cut
    except (ValueError, OverflowError):
        return None


def _from_then_on(message: str, at: datetime) -> datetime | None:
    found = _IN.search(message)
    parts = _PART.findall(found[1]) if found else []
    seconds = sum(float(number) * _unit_seconds(unit.lower()) for number, unit in parts)
    return at + timedelta(seconds=seconds) if parts and seconds <= LIFTS_DAYS_MAX * 86400 else None


def _unit_seconds(unit: str) -> float:
    return _SECONDS["ms"] if unit == "ms" or unit.startswith("milli") else _SECONDS[unit[0]]


def _short(message: str) -> str:
    """What an error of the API says where that is what the message holds, in one line."""
    body = (parsed(message) or {}).get("error")
    told = text_of(body.get("message")) if isinstance(body, dict) else ""
    return (
        " ".join((told or message).split())[:SENTENCE_CHARACTERS_MAX].removeprefix("Error: ").rstrip(".") or "no reason"
    )


def _sentence(text: str) -> str:
    return (spoken(text) or [""])[0]
