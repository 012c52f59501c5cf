"""What is a card's agent told? What its command asks for, then the card, and what came of its earlier runs.

The first part comes from `prompts/`, or from a file of the project's own where its setting lets it take their place
(`own_commands.py`). What is too long is cut, and says so: what the card itself says never is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Row

from conselho import errors
from conselho.agents import limits
from conselho.cards.columns import Command
from conselho.executions import verdict_line
from conselho.executions.shown import moment

ARGUMENTS = "$ARGUMENTS"  # in a project's own file: where the message goes
RESULT_CHARACTERS_MAX = 20_000  # of an earlier run
FINDINGS_MAX = 50  # of an earlier run
_CUT = "\n… (cut here)"
_NO_PLAN = "This card has no plan: find out for yourself what is to be done, and how."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known when a command is given. `earlier`: the latest ended run of each command, the oldest first."""

    card: Row[Any]
    command: Command
    message: str | None = None
    own: str | None = None  # the project's own file
    check: Sequence[str] | None = None  # the project's check command
    base: str | None = None
    attachments: Mapping[str, str] = field(default_factory=dict)  # their paths, by what people call them
    earlier: Sequence[Row[Any]] = ()


def composed(told: Told) -> str:
    """The whole of it. Raises: errors.Invalid for what would be longer than a prompt may be."""
    parts = [
        _asked(told),
        _section(f"Card {told.card.number}: {told.card.title}", told.card.description),
        *_plan(told),
        *(_earlier(run) for run in told.earlier if _is_worth_telling(told.command, run)),
        *_facts(told),
    ]
    if told.message and ARGUMENTS not in (told.own or ""):
        parts.append(_section("What was said with the command", told.message))
    if told.command.judges:
        parts.append(verdict_line.ASKED_FOR)
    text = "\n\n".join(filter(None, parts))
    if len(text.encode()) > limits.PROMPT_BYTES_MAX:
        raise errors.Invalid("the prompt of this command would be longer than 512 KiB: shorten the card or the message")
    return text


@cache
def built_in(command: Command) -> str:
    """What a command asks for, where the project does not say it."""
    return resources.files("conselho.cards").joinpath("prompts", f"{command.word}.md").read_text("utf-8").strip()


def _asked(told: Told) -> str:
    if told.own is None:
        return built_in(told.command)
    return told.own.replace(ARGUMENTS, told.message or "")


def _plan(told: Told) -> list[str]:
    if told.command is Command.PLAN:
        return [_section("The plan so far", told.card.plan)] if told.card.plan else []
    return [_section("Plan", told.card.plan or (_NO_PLAN if told.command is Command.IMPLEMENT else "There is none."))]


def _is_worth_telling(command: Command, run: Row[Any]) -> bool:
    """A plan that was kept stands with the card."""
    return run.command != Command.PLAN or run.status != "succeeded" or command is Command.PLAN


def _earlier(run: Row[Any]) -> str:
    ended = "" if run.completed_at is None else f" on {moment(run.completed_at)}"
    lines = [f"It ended{ended} as {run.status}" + (f", severity {run.severity}." if run.severity else ".")]
    if run.summary:
        lines.append(run.summary)
    findings = run.findings or ()
    lines += [_finding(each) for each in findings[:FINDINGS_MAX]]
    if len(findings) > FINDINGS_MAX:
        lines.append(f"- … and {len(findings) - FINDINGS_MAX} more")
    if run.result and run.result != run.summary:
        lines.append(_cut(run.result))
    return _section(f"What came of the last {run.command}", "\n".join(lines))


def _finding(finding: Mapping[str, Any]) -> str:
    where = finding.get("file") or ""
    if where and finding.get("line"):
        where += f":{finding['line']}"
    return f"- {finding.get('severity', 'warning')}: {finding.get('title', '')}" + (f" ({where})" if where else "")


def _facts(told: Told) -> list[str]:
    found = []
    if told.base is not None:
        found.append(
            f"The card's branch began at commit {told.base}; `git diff {told.base}` shows what it has changed."
        )
    if told.check:
        found.append(f"The project's check command, as its arguments: {list(told.check)}")
    if told.attachments:
        found.append("Files that belong to the card:")
    found += [f"- {name}: {path}" for name, path in told.attachments.items()]
    return [_section("To know", "\n".join(found))] if found else []


def _section(title: str, text: str | None) -> str:
    return f"## {title}\n\n{(text or '').strip()}".strip()


def _cut(text: str) -> str:
    return text if len(text) <= RESULT_CHARACTERS_MAX else text[:RESULT_CHARACTERS_MAX] + _CUT
