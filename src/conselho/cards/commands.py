"""How does a command that is given to a card become its execution?

Look, make the place to work in, then begin: in one unit the card moves to the command's column and its execution is
accepted. What was looked at must still be so then. A repository's card has a worktree and a branch of its own, made
with its first command; a plain directory is worked in as it is, by one run at a time.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from conselho import errors
from conselho.agents import queries as agents
from conselho.cards import attached_files, attachments, board, columns, limits, own_commands, prompting, queries
from conselho.cards.columns import Column, Command
from conselho.cards.prompting import Told
from conselho.db.session import Tx, takes_lock
from conselho.executions import queue, rows
from conselho.executions.models import Execution
from conselho.executions.request import Request
from conselho.executions.schemas import NewExecution
from conselho.executions.states import TERMINAL
from conselho.projects import places, turns, worktrees
from conselho.projects.models import Project
from conselho.providers import registry

_NEWEST = (
    select(
        Execution.id,
        func.row_number().over(partition_by=Execution.command, order_by=Execution.id.desc()).label("newest"),
    )
    .where(Execution.card_id == bindparam("of_card"), Execution.status.in_(TERMINAL))
    .subquery()
)
_EARLIER = (
    select(Execution.__table__)
    .join(_NEWEST, _NEWEST.c.id == Execution.id)
    .where(_NEWEST.c.newest == 1)
    .order_by(Execution.id)
)
_PROJECT = select(Project.__table__).where(Project.id == bindparam("project"))


class ChangedMeanwhile(errors.Conflict):
    """The card was changed between the look at it and the beginning: look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants done. `agent`: slug or id, None: as the card or its project says."""

    command: Command
    message: str | None = None
    agent: str | None = None
    model: str | None = None
    timeout_seconds: float | None = None
    origin: str = "card"

    def digest(self, card_id: str) -> str:
        """A fingerprint of all of it: the same key must come with the same one."""
        text = json.dumps(asdict(self) | {"card": card_id}, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found when a command was given. `earlier`: the latest ended run of each command, the oldest first."""

    order: Order
    card: Row[Any]
    project: Row[Any]
    agent: Row[Any]
    earlier: Sequence[Row[Any]]
    attached: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run works; the last three are None in a plain directory."""

    cwd: str
    branch: str | None = None
    worktree: str | None = None
    base: str | None = None


def look(tx: Tx, name: str, order: Order) -> Ready:
    """What the command needs. Raises: errors.NotFound; errors.Conflict with why not now; errors.Invalid."""
    limits.check_body("message", order.message, limits.MESSAGE_BYTES_MAX)
    card = queries.one(tx, name)
    _check_free(tx, card)
    if card.project_id is None:
        raise errors.Invalid(f"card {card.number} has no project: set one, so that it is known where to work")
    project = tx.execute(_PROJECT, {"project": card.project_id}).one()
    agent = _agent(tx, order, card, project)
    earlier = tx.execute(_EARLIER, {"of_card": card.id}).all()
    return Ready(order, card, project, agent, earlier, attachments.of_card(tx, card.id))


def make_place(ready: Ready, data_dir: Path) -> Place:
    """The directory that the run will work in, made where it is not there yet: with git, so in a thread.

    Raises: errors.Conflict with what is in the way; errors.Unavailable.
    """
    project = ready.project
    if not project.is_repository:
        return Place(project.path)
    card = ready.card
    called = (card.branch or worktrees.name(str(card.number), card.title)).removeprefix(worktrees.BRANCHES)
    home = _home(card, places.home(data_dir, project.id))
    with turns.taken(home / called):
        made = worktrees.add(Path(project.path), home, called, project.default_branch)
    base = made.base if made.is_new or card.base is None else card.base  # a branch that was deleted begins anew
    return Place(str(made.path), made.branch, str(made.path), base)


def compose(ready: Ready, place: Place, data_dir: Path) -> Request:
    """The request for its execution; reads files, so in a thread. Raises: errors.Invalid, errors.Conflict."""
    order, card, project = ready.order, ready.card, ready.project
    own = None
    if project.may_use_own_commands:
        own = own_commands.find(Path(project.path), order.command, place.base)
    files = {each.name: str(attached_files.path(data_dir, each.card_id, each.file)) for each in ready.attached}
    told = Told(
        card=card, command=order.command, message=order.message, own=own, check=project.check_argv, base=place.base,
        attachments=files, earlier=ready.earlier,
    )  # fmt: skip
    body = NewExecution(
        prompt=prompting.composed(told),
        cwd=place.cwd,
        exclusive=True,
        title=_title(order.command, card),
        model=order.model,
        timeout_seconds=order.timeout_seconds,
        priority=card.priority,
        env=_variables(order.command, card, project, place),
        context={"card": _context(card, project, place)},
    )
    request = body.as_request(ready.agent)
    request = replace(
        request,
        origin=order.origin,
        card_id=card.id,
        command=order.command,
        options=_options(order.command, request),
        attachments=tuple(files.values()) or None,
    )
    return _continued(request, ready)


@takes_lock("cards")
def begin(
    tx: Tx, ready: Ready, place: Place, request: Request, execution_id: str, key: tuple[str, str] | None = None
) -> str:
    """Move the card to the command's column and accept its execution; returns that one's id.

    `key`: the caller's name for it and its fingerprint; what was made under it before is the answer.

    Raises: ChangedMeanwhile; errors.Conflict; errors.Invalid.
    """
    if key is not None:
        made = queue.made_before(tx, *key)
        if made is not None:
            return made
    card = queries.locked(tx, ready.card.id)
    if card.version != ready.card.version:
        _check_free(tx, card)
        told = board.refused(tx, card, f"card {card.number} was changed meanwhile: give the command again")
        raise ChangedMeanwhile(told.sentence, **told.members)
    queue.enqueue(tx, request, execution_id, *(key or ()))
    values = {
        "branch": place.branch,
        "worktree": place.worktree,
        "base": place.base,
        "latest_execution_id": execution_id,
        "unsettled_execution_id": execution_id,
        "note": None,
        "last_line": None,
    }
    column = ready.order.command.column
    if column == card.column:
        board.write(tx, card, values)
        changed = (name for name, value in values.items() if value != getattr(card, name))
        board.tell_changed(tx, card, changed, execution_id)
    else:
        board.place(tx, card, column, **values)
    return execution_id


def _home(card: Row[Any], home: Path) -> Path:
    """Where its worktree lies: another server on this host, of the same database, may have made it in its own place."""
    made = None if card.worktree is None else Path(card.worktree)
    return home if made is None or not made.is_dir() else made.parent


def _check_free(tx: Tx, card: Row[Any]) -> None:
    active = queries.active(tx, card)
    if active is not None:
        sentence = f"card {card.number} has a run that is {active.status}, {active.id}: wait for its end, or cancel it"
        raise board.refused(tx, card, sentence)
    if Column(card.column) not in columns.WORKING:
        moves = ", ".join(columns.MOVES[Column(card.column)])
        raise board.refused(tx, card, f"card {card.number} is {card.column}: move it first (it may go to {moves})")
    if card.unsettled_execution_id is not None:
        raise board.refused(tx, card, f"what the last run of card {card.number} did is being kept: try again shortly")


def _agent(tx: Tx, order: Order, card: Row[Any], project: Row[Any]) -> Row[Any]:
    word = order.command.word
    named = order.agent or card.agents.get(word) or card.agent or project.agents.get(word) or project.agent
    if named is not None:
        return agents.asked_for(tx, named)
    found = agents.page(tx, 2).rows
    if len(found) == 1:
        return found[0]
    raise errors.Invalid(
        f"agent: nobody is chosen for {order.command}: name an agent with the command, or set one on card"
        f" {card.number} or project {project.slug}"
    )


def _continued(request: Request, ready: Ready) -> Request:
    """A command that is given again with a message goes on in the conversation of its agent, where there is one."""
    if ready.order.message is None:
        return request
    for run in ready.earlier:
        is_same = (run.command, run.agent_id, run.provider) == (request.command, request.agent_id, request.provider)
        session = rows.session_after(run) if is_same else None
        if session is not None:
            lanes = rows.with_session(request.lanes, request.provider, session)
            return replace(request, continue_from=run.id, resume=session, lanes=lanes)
    return request


def _options(command: Command, request: Request) -> dict[str, Any] | None:
    """How an agent CLI is to work: what only reads gets to write nothing, what works may edit its own worktree."""
    if registry.find(request.provider).program is None:
        return request.options
    options = dict(request.options or {})
    if command.only_reads:
        options.pop("permission_mode", None)  # which by default is to plan
    elif options.get("permission_mode") != "full":
        options["permission_mode"] = "edit"
    return options or None


def _variables(command: Command, card: Row[Any], project: Row[Any], place: Place) -> dict[str, str]:
    found = {"CONSELHO_CARD": str(card.number), "CONSELHO_COMMAND": str(command)}
    if place.base is not None:
        found["CONSELHO_BASE"] = place.base
    if project.check_argv:
        found["CONSELHO_CHECK"] = json.dumps(project.check_argv)
    return found


def _context(card: Row[Any], project: Row[Any], place: Place) -> dict[str, Any]:
    return {
        "number": card.number, "title": card.title, "project": project.slug, "branch": place.branch,
        "base": place.base,
    }  # fmt: skip


def _title(command: Command, card: Row[Any]) -> str:
    title = f"{command} {card.number}: {card.title}"
    return title if len(title) <= 200 else f"{title[:199]}…"
