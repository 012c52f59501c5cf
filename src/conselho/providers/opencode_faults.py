"""What went wrong in OpenCode, and what is to be done about it? Its errors, as a reason and a sentence.

An error is `{"name": "APIError", "data": {"message", "statusCode", "responseHeaders", "responseBody"}}`; other names
have other data. Any of it may be missing, or be something else.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from conselho.providers import speech

SIGN_IN = "run `opencode auth login`, or give the agent the key of its model's provider in its environment"
MESSAGE_CHARACTERS = 1_000  # of what an API said, in our sentence
WAIT_SECONDS_MAX = 366 * 86400.0  # a longer one is no statement about a limit

_FLAGS = re.IGNORECASE
_NO_KEY = re.compile(r"api.?key is missing|LoadAPIKeyError|unauthori[sz]ed|invalid api.?key|incorrect api key", _FLAGS)
_NO_MODEL = re.compile(r"ProviderModelNotFoundError|model not found|model .{0,100}does not exist|unknown model", _FLAGS)
_NO_MONEY = re.compile(r"insufficient_quota|insufficient credits?|credit balance|billing", _FLAGS)
_TOO_LONG = re.compile(r"context length|context window|prompt is too long|too many tokens|request too large", _FLAGS)
_DATABASE = re.compile(r"SQLITE_|database is locked|failed to run the query|failed query|CREATE TABLE", _FLAGS)
_WAIT = re.compile(r"(?:try again|retry|reset) (?:in|after) ((?:[0-9.]+ ?[a-z]+,? ?(?:and )?){1,4})", _FLAGS)
_SPAN = re.compile(
    r"([0-9]+(?:\.[0-9]+)?) ?(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?![a-z])", _FLAGS
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a run failed: one of base.REASONS, the sentence, and when a limit lifts where that is said."""

    reason: str
    sentence: str
    lifts_at: datetime | None = None


def of(error: Any, at: datetime) -> Fault:
    """What an `error` event tells, at that moment."""
    told = error if isinstance(error, dict) else {"data": {"message": error}}
    name = speech.text_of(told.get("name"))[:100]
    data = told["data"] if isinstance(told.get("data"), dict) else {"message": told.get("data")}
    message = _plain(speech.text_of(data.get("message"))) or name or "it did not say why"
    match name:
        case "ProviderAuthError":
            return _sign_in(message)
        case "ContextOverflowError":
            return _too_long(message)
        case "APIError":
            return _of_api(message, data, at)
        case "MessageAbortedError":
            return Fault("agent_error", f"OpenCode was interrupted: {message}")
        case _:
            return of_words(message)


def of_words(message: str) -> Fault:
    """What a mere sentence of OpenCode tells."""
    message = _plain(message)
    if _NO_MODEL.search(message):
        return Fault(
            "model_unknown",
            f"OpenCode has no such model: {message}. `opencode models` lists those there are; to sign in, {SIGN_IN}",
        )
    if _NO_KEY.search(message):
        return _sign_in(message)
    if _TOO_LONG.search(message):
        return _too_long(message)
    if _DATABASE.search(message):  # the first two runs of a user, begun at once, both make it
        return Fault("agent_error", f"OpenCode could not use its own database; try again: {message}")
    if '"permission":"doom_loop"' in message:
        return Fault("agent_error", "its model called the same tool with the same words three times, and was stopped")
    return Fault("agent_error", f"OpenCode failed: {message}")


def _of_api(message: str, data: dict[str, Any], at: datetime) -> Fault:
    status = speech.count_of(data.get("statusCode"))
    words = f"{message} {speech.text_of(data.get('responseBody'))[:MESSAGE_CHARACTERS]}"
    if status in {401, 403}:
        return _sign_in(message)
    if status == 402 or _NO_MONEY.search(words):
        return Fault("budget", f"the account at the model's API has no credit left: {message}")
    if status == 429:
        headers = data["responseHeaders"] if isinstance(data.get("responseHeaders"), dict) else {}
        lifts_at = _lifts_at(headers, message, at)
        when = "try again later" if lifts_at is None else f"try again after {lifts_at:%Y-%m-%d %H:%M:%S} UTC"
        return Fault("rate_limited", f"the model's API limits the rate: {message}; {when}", lifts_at)
    if status == 413 or _TOO_LONG.search(words):
        return _too_long(message)
    if status == 404 or _NO_MODEL.search(words):
        return Fault("model_unknown", f"the API has no such model: {message}. `opencode models` lists those there are")
    return Fault("api_error", f"the model's API failed{'' if status is None else f' ({status})'}: {message}")


def _plain(message: str) -> str:
    """A message that can stand in a sentence."""
    return message.strip()[:MESSAGE_CHARACTERS].rstrip(". ")


def _sign_in(message: str) -> Fault:
    return Fault("auth_failed", f"the model's API refused the key: {message}. To sign in, {SIGN_IN}")


def _too_long(message: str) -> Fault:
    sentence = f"the conversation is longer than the model can read: {message}. Begin a new session, or ask for less"
    return Fault("context_too_long", sentence)


def _lifts_at(headers: dict[str, Any], message: str, at: datetime) -> datetime | None:
    """When a limit lifts, the latest that the headers of its answer and its words tell.

    Source: RFC 9110, section 10.2.3, for `Retry-After`.
    """
    named = {name.lower(): speech.text_of(value).strip()[:100] for name, value in headers.items()}
    after, milliseconds = named.get("retry-after", ""), _number(named.get("retry-after-ms", ""))
    waits = _WAIT.search(message)
    spans = [] if waits is None else _SPAN.findall(waits[1])
    said = sum(float(count) * _unit(unit) for count, unit in spans) if spans else None
    dated = _moment(after)
    waits_seconds = (
        _number(after),
        None if milliseconds is None else milliseconds / 1000,
        None if dated is None else (dated - at).total_seconds(),
        said,
    )
    seconds = max((each for each in waits_seconds if each is not None and 0 <= each <= WAIT_SECONDS_MAX), default=None)
    return None if seconds is None else at + timedelta(seconds=seconds)


def _moment(text: str) -> datetime | None:
    """A date as HTTP writes it, in UTC."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # it is made for mail, and raises what it likes
        return None


def _unit(word: str) -> float:
    lower = word.lower()
    return 0.001 if lower.startswith(("ms", "milli")) else _SECONDS[lower[0]]


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None
