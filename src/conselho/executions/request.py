"""What may be asked for? One execution's wish, checked at the edge before anything is written."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from conselho import errors
from conselho.agents import limits, tasks
from conselho.events.moments import check_moment

CONTEXT_DEPTH_MAX = 100  # nobody nests deeper by hand; Python's own reading of JSON ends at some hundreds
PRIORITY_MAX = 1000
LANES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A key that so many runs may share at once, e.g. `agent:reviewer` with room for 1."""

    key: str
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run, where, and when it may start. `checked` refuses what cannot be."""

    provider: str
    cwd: str
    argv: tuple[str, ...] | None = None
    prompt: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    env_allow: tuple[str, ...] = ()  # names of variables whose values the worker adds when it starts the run
    origin: str = "api"
    title: str | None = None
    context: dict[str, Any] | None = None
    instance_id: str | None = None
    timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    accepted_exit_codes: tuple[int, ...] = (0,)
    exclusive: bool = False
    retry_on_loss: bool = False
    priority: int = 0
    not_before: datetime | None = None
    start_before: datetime | None = None
    lanes: tuple[Lane, ...] = ()
    agent_id: str | None = None
    agent: str | None = None
    model: str | None = None
    options: dict[str, Any] | None = None
    continue_from: str | None = None
    resume: str | None = None  # the session of that run, as its CLI calls it
    councilor_id: str | None = None
    card_id: str | None = None
    command: str | None = None
    attachments: tuple[str, ...] | None = None  # paths of files that belong to what is asked
    retry_of: str | None = None
    attempt: int = 1
    # As `rules.checked` made them when they were written; not again here, for one that RE2 has come to refuse does not
    # stop a run, nor its retry.
    severity_rules: tuple[dict[str, str], ...] | None = None

    def digest(self) -> str:
        """A fingerprint of the whole wish: the same key must come with the same one."""
        wish = asdict(self)
        for name in ("severity_rules", "options", "continue_from", "resume", "attachments"):
            if wish[name] is None:  # keys from before there were any must still fit
                del wish[name]
        text = json.dumps(wish, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def checked(request: Request) -> Request:
    """The request itself, if it can be done.

    Raises: errors.Invalid with one sentence that names the field and its limit, or says what its provider cannot do.
    """
    _check_text(request)
    limits.check_argv(request.provider, request.argv or (), request.prompt)
    limits.check_env(request.env)
    limits.check_env_allow(request.env_allow)
    limits.check_exit_codes(request.accepted_exit_codes)
    check_context(request.context)
    _check_times(request)
    _check_numbers(request)
    tasks.check(
        request.provider,
        argv=request.argv or (),
        prompt=request.prompt,
        model=request.model,
        given=request.options,
        cwd=request.cwd,
        resume=request.resume,
    )
    return request


def check_context(context: dict[str, Any] | None) -> None:
    """Raises: errors.Invalid for what is no plain JSON, or is nested too deep."""
    if not _is_storable_tree(context):
        raise errors.Invalid(
            "context holds a NUL, half a character or a number that is none, or is nested more than"
            f" {CONTEXT_DEPTH_MAX} deep: send plain JSON"
        )


def _check_text(request: Request) -> None:
    limits.check_prompt(request.prompt)
    limits.check_cwd(request.cwd)
    limits.check_text("title", request.title, limits.TITLE_CHARACTERS_MAX)
    limits.check_text("model", request.model, limits.MODEL_CHARACTERS_MAX)
    limits.check_text("instance_id", request.instance_id)


def _check_times(request: Request) -> None:
    for name in ("timeout_seconds", "idle_timeout_seconds"):
        limits.check_seconds(name, getattr(request, name))
    for name in ("not_before", "start_before"):
        moment: datetime | None = getattr(request, name)
        check_moment(name, moment)
    if request.not_before and request.start_before and request.start_before <= request.not_before:
        raise errors.Invalid("start_before must be later than not_before")


def _check_numbers(request: Request) -> None:
    if not -PRIORITY_MAX <= request.priority <= PRIORITY_MAX:
        raise errors.Invalid(f"priority must lie between -{PRIORITY_MAX} and {PRIORITY_MAX}")
    if len(request.lanes) > LANES_MAX or any(lane.room < 1 or not lane.key for lane in request.lanes):
        raise errors.Invalid(f"lanes need a key and room for at least 1, and there are at most {LANES_MAX}")


def _is_storable_tree(value: Any) -> bool:
    """Whether both databases can hold it as JSON, whatever its depth."""
    left = [(value, 1)]
    while left:
        each, depth = left.pop()
        match each:
            case str() if not limits.is_storable(each):
                return False
            case float() if not math.isfinite(each):
                return False
            case dict() | list() | tuple() if depth > CONTEXT_DEPTH_MAX:
                return False
            case dict():
                left += [(part, depth + 1) for part in (*each, *each.values())]
            case list() | tuple():
                left += [(part, depth + 1) for part in each]
    return True
