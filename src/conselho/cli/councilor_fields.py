"""What may a councilor be given on a command line, and what is then asked of the API?

What the server would refuse is refused here first, in the same sentences, so that it starts nobody.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from conselho import clock, errors
from conselho.agents import limits as agent_limits
from conselho.cli.options import Duration, Number, Text
from conselho.council import limits

Command = TypeVar("Command", bound=Callable[..., Any])

# As the server knows them, without its imports: a test compares.
OVERLAPS = ("skip", "queue", "cancel", "allow")
CATCH_UPS = ("none", "last", "all")
FORMATS = ("summary", "detailed", "checklist")
SEVERITIES = ("success", "warning", "error")
TEMPLATES = ("monolithic-files", "test-coverage", "vulnerable-dependencies", "inline-css", "api-performance")
LANGUAGES = ("en", "pt")

NOBODY = "none"  # in place of a severity: nobody is told of any end

TASK_NAME_WORDS = 6
TASK_NAME_CHARACTERS = 60

# What `set --clear` can bring back to its default: the option's word, the part of a councilor, and its fields.
CLEARABLE: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "display-name": (None, ("display_name",)),
    "avatar": (None, ("avatar_url",)),
    "color": (None, ("color",)),
    "rule": (None, ("severity_rules",)),
    "context-file": ("task", ("context_files",)),
    "format": ("task", ("output_format",)),
    "overlap": ("schedule", ("overlap",)),
    "catch-up": ("schedule", ("catch_up",)),
    "catch-up-max": ("schedule", ("catch_up_max",)),
    "start-window": ("schedule", ("start_window_seconds",)),
    "jitter": ("schedule", ("jitter_seconds",)),
    "notify-on": ("notifications", tuple(f"on_{word}" for word in SEVERITIES)),
    "channel": ("notifications", ("channels",)),
}

_NAMES = {
    "slug": "--name", "template": "--template", "language": "--language", "task.name": "--task",
    "display_name": "--display-name", "avatar_url": "--avatar", "color": "--color", "context_files": "--context-file",
    "severity_rules": "--rule", "timezone": "--zone", "task.output_format": "--format",
    "notifications.channels": "--channel", "schedule.overlap": "--overlap", "schedule.catch_up": "--catch-up",
    "schedule.catch_up_max": "--catch-up-max", "schedule.start_window_seconds": "--start-window",
    "schedule.jitter_seconds": "--jitter",
}  # fmt: skip
_KINDS = {"every": "interval", "cron": "cron", "at": "once"}


def schedule(command: Command) -> Command:
    """Give a command the options that say when."""
    for option in reversed(
        (
            click.option("--every", metavar="LENGTH", type=Text(), help="Again after 30s, 10m, 2h or 1d."),
            click.option(
                "--cron", metavar="FIELDS", type=Text(),
                help="By the calendar: minute, hour, day, month, day of the week, as in '0 9 * * 1'.",
            ),
            click.option("--at", metavar="MOMENT", type=Text(), help="Once, as in 2026-12-01T09:00."),
            click.option(
                "--zone", metavar="ZONE", type=Text(),
                help="Whose clock --cron and --at go by, as in America/Sao_Paulo (UTC).",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def fields(command: Command) -> Command:
    """Give a command an option for each field of a councilor."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def named(given: dict[str, Any]) -> dict[str, str]:
    """How the fields of the API are called that these options stand for."""
    kind = next((word for word in _KINDS if given.get(word) is not None), "every")
    return _NAMES | {"value": f"--{kind}"}


def body(
    *, name: str | None, display_name: str | None, avatar: str | None, color: str | None, title: str | None,
    rules: tuple[str, ...], **parts: Any,
) -> dict[str, Any]:  # fmt: skip
    """The fields that were given, as the API takes them. Raises: errors.Invalid."""
    task = {
        "name": name,
        "prompt": _prompt(parts["prompt"]),
        "context_files": list(parts["context_files"]) or None,
        "output_format": parts["output_format"],
    }
    told = {
        "title": title,
        "display_name": display_name,
        "avatar_url": avatar,
        "color": color,
        "task": _said(task) or None,
        "schedule": _schedule(parts) or None,
        "notifications": _notifications(parts["notify_on"], parts["channels"]) or None,
        "severity_rules": [_rule(text) for text in rules] or None,
    }
    return _said(told)


def cleared(words: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """What is given, and null for what is to be as by default. Raises: errors.Invalid where it is both."""
    made = {name: dict(part) if isinstance(part, dict) else part for name, part in given.items()}
    for word in words:
        part, names = CLEARABLE[word]
        place = made if part is None else made.setdefault(part, {})
        if any(name in place for name in names):
            raise errors.Invalid(f"--{word} and --clear {word} say different things: leave one of them out")
        place.update(dict.fromkeys(names))
    return made


def check(asked: dict[str, Any]) -> None:
    """What the server would refuse of these fields. Raises: errors.Invalid."""
    from conselho.executions import rules  # noqa: PLC0415 - help needs none of it

    task = asked.get("task", {})
    if "slug" in asked:
        agent_limits.check_slug(asked["slug"])
    if "title" in asked:
        limits.check_name("title", asked["title"])
    if "name" in task:
        limits.check_name("task.name", task["name"])
    if "prompt" in task:
        limits.check_prompt(task["prompt"])
    limits.check_name("display_name", asked.get("display_name"), needed=False)
    limits.check_look(asked.get("avatar_url"), asked.get("color"))
    rules.checked(asked.get("severity_rules") or ())
    check_schedule(asked.get("schedule") or {})


def check_schedule(asked: dict[str, Any]) -> None:
    """Raises: errors.Invalid where it is none, or is in no zone that there is."""
    from conselho.council import triggers, zones  # noqa: PLC0415 - help needs none of it

    zone = asked.get("timezone") or "UTC"
    zones.named(zone)
    if asked.get("type") is not None:
        triggers.checked(triggers.Schedule(triggers.Kind(asked["type"]), asked["value"], zone), clock.now())


def moments(*, every: str | None, cron: str | None, at: str | None, zone: str | None) -> dict[str, Any]:
    """A schedule from the options that say when, as far as they say. Raises: errors.Invalid."""
    given = {word: text for word, text in (("every", every), ("cron", cron), ("at", at)) if text is not None}
    if len(given) > 1:
        raise errors.Invalid(f"{' and '.join(f'--{word}' for word in given)} say different things: leave one of them")
    zoned = {} if zone is None else {"timezone": zone}
    for word, text in given.items():
        return {"type": _KINDS[word], "value": text} | zoned
    return zoned


def task_name(prompt: str) -> str:
    """The first words of a prompt, for a task that was given no name."""
    words = "".join(each if each.isprintable() else " " for each in prompt).split()
    short = " ".join(words[:TASK_NAME_WORDS])[:TASK_NAME_CHARACTERS].rstrip(" .:,;")
    return short or "Task"


_OPTIONS = (
    click.option(
        "--title", metavar="T", type=Text(limits.TITLE_CHARACTERS_MAX),
        help="What it is to the council (as its agent is called).",
    ),
    click.option(
        "--task", "name", metavar="T", type=Text(limits.TITLE_CHARACTERS_MAX),
        help="What its task is called (the first words of the prompt).",
    ),
    click.option(
        "--prompt", metavar="TEXT",
        help=f"What it is to do, at most {limits.PROMPT_CHARACTERS_MAX:,} characters; - is stdin.",
    ),
    schedule,
    click.option(
        "--overlap", metavar="WORD", type=click.Choice(OVERLAPS),
        help=f"While its run before goes on: {', '.join(OVERLAPS)} (skip).",
    ),
    click.option(
        "--catch-up", metavar="WORD", type=click.Choice(CATCH_UPS),
        help="Of the moments at which no server ran: none, last or all are fired later (last).",
    ),
    click.option(
        "--catch-up-max", metavar="N", type=Number(1, limits.CATCH_UP_MAX), help="Of all of them at most so many (10)."
    ),
    click.option(
        "--start-window", "start_window_seconds", metavar="S", type=Duration(),
        help="So late is still on time (a tenth of the time to the next, 1 s to 1 min).",
    ),
    click.option(
        "--jitter", "jitter_seconds", metavar="S",
        type=Duration(timedelta(0), timedelta(seconds=limits.JITTER_SECONDS_MAX), "0 seconds to 1 hour"),
        help="Put each moment off by up to so much (0).",
    ),
    click.option(
        "--format", "output_format", metavar="WORD", type=click.Choice(FORMATS),
        help=f"How it is to answer: {', '.join(FORMATS)} (summary).",
    ),
    click.option(
        "--context-file", "context_files", metavar="FILE", type=Text(), multiple=True,
        help="A file of its agent's directory that it is to read first; again for more.",
    ),
    click.option(
        "--display-name", metavar="N", type=Text(limits.TITLE_CHARACTERS_MAX), help="How it is called in person."
    ),
    click.option("--avatar", metavar="URL", type=Text(limits.AVATAR_CHARACTERS_MAX), help="Its picture."),
    click.option("--color", metavar="C", type=Text(), help="#rrggbb, or a name as in CSS."),
    click.option(
        "--notify-on", metavar="WORD", type=click.Choice((*SEVERITIES, NOBODY)), multiple=True,
        help="Tell people of success, warning or error, or of none (warning, error); again for more.",
    ),
    click.option(
        "--channel", "channels", metavar="WORD", type=click.Choice(limits.CHANNELS), multiple=True,
        help=f"How they are told: {', '.join(limits.CHANNELS)} (panel); again for more.",
    ),
    click.option(
        "--rule", "rules", metavar="SEVERITY=PATTERN", type=Text(), multiple=True,
        help="What a line of the log says of its severity, where it gives no verdict; again for more.",
    ),
)  # fmt: skip


def _prompt(text: str | None) -> str | None:
    from conselho.cli import run  # noqa: PLC0415 - brings what help does not need

    return run.read_prompt(text)


def _schedule(parts: dict[str, Any]) -> dict[str, Any]:
    plain = ("overlap", "catch_up", "catch_up_max", "start_window_seconds", "jitter_seconds")
    when = moments(**{name: parts[name] for name in ("every", "cron", "at", "zone")})
    return when | _said({name: parts[name] for name in plain})


def _notifications(notify_on: tuple[str, ...], channels: tuple[str, ...]) -> dict[str, Any]:
    if NOBODY in notify_on and len(set(notify_on)) > 1:
        raise errors.Invalid(f"--notify-on {NOBODY} goes with no other: leave it, or the others, out")
    told = {f"on_{word}": word in notify_on for word in SEVERITIES} if notify_on else {}
    return told | ({"channels": list(dict.fromkeys(channels))} if channels else {})


def _rule(text: str) -> dict[str, str]:
    severity, _, pattern = text.partition("=")
    if severity not in SEVERITIES or not pattern:
        raise errors.Invalid(f"--rule {text[:60]!r}: write SEVERITY=PATTERN, as in 'error=^FAILED'")
    return {"pattern": pattern, "severity": severity}


def _said(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
