"""Who sits in the demo's council? For each built-in analysis an agent, and a councilor that fires it again and again;
and one of an agent CLI, where that is wanted.

They are found again by their names, so that another demo over the same data adds nobody; where it is about another
repository, or this program has moved, the agents are told.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conselho import errors
from conselho.analyses.catalog import Analysis
from conselho.cli import named
from conselho.cli.follow import Execution
from conselho.cli.named import Agent, Councilor

if TYPE_CHECKING:
    from conselho.cli.client import Api

EVERY = "1m"
EVERY_OF_A_CLI = "1d"  # each of its runs costs money
CLI_SECONDS = 900.0
AGENT_CLIS = ("claude", "codex", "gemini", "opencode")
# Where a CLI finds its model, and the way there, if its user has said so; its keys it gets anyway.
PASSED_TO_A_CLI = (
    "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
    "https_proxy", "http_proxy", "no_proxy",
)  # fmt: skip
QUESTION = (
    "Read this repository, and find the three things that its maintainers should look at first: mistakes, what is not"
    " tested, documents that say what is not so. Name the file and the line of each. Change nothing."
)

LABEL = "Demo"
"""Before what people read of agents and tasks: what is there to be shown is not taken for daily work."""

FIRES_TRIED = 3
"""It may be due at the very moment at which it is fired by hand; that run may have ended when we look for it."""


@dataclass(frozen=True)
class Seat:
    """One agent and its one councilor, who are called the same."""

    slug: str
    title: str
    prompt: str
    every: str
    agent: dict[str, Any]


def of_analysis(analysis: Analysis, root: Path) -> Seat:
    """The seat of an analysis over that repository."""
    from conselho.cli.run import passed_on  # noqa: PLC0415 - brings what help does not need

    agent = {
        "title": f"{LABEL}: {analysis.title}",
        "description": f"{LABEL}: {analysis.description}",
        "argv": analysis.argv(root),
        "cwd": str(root),
        "env": passed_on(),
        "timeout_seconds": float(analysis.timeout_seconds),
    }
    return Seat(slug_of(analysis.name), analysis.title, f"{LABEL}: {analysis.description}", EVERY, agent)


def of_agent_cli(provider: str, root: Path) -> Seat:
    """The seat of an agent CLI, which reads that repository and changes nothing."""
    from conselho.cli.run import passed_on  # noqa: PLC0415 - brings what help does not need

    title = f"First looks by {provider}"
    agent = {
        "title": f"{LABEL}: {title}",
        "description": f"{LABEL}: what {provider} would look at first",
        "provider": provider,
        "cwd": str(root),
        "env": passed_on(),
        "env_allow": list(PASSED_TO_A_CLI),
        "timeout_seconds": CLI_SECONDS,
    }
    return Seat(slug_of(provider), title, QUESTION, EVERY_OF_A_CLI, agent)


def slug_of(name: str) -> str:
    """What an agent of the demo, and its councilor, are called."""
    return f"{LABEL.lower()}-{name.replace('_', '-')}"


def check_agent_cli(provider: str) -> None:
    """Raises: errors.ConselhoError with what to do where it is not there, or does not look signed in."""
    from conselho.providers import registry  # noqa: PLC0415 - brings what help does not need
    from conselho.worker import programs  # noqa: PLC0415

    (found,) = programs.LOOK.all_of([registry.find(provider)])
    if found.path is None:
        raise errors.ConselhoError(f"{provider} is not installed here: {found.advice}")
    if found.signed_in == "no":
        raise errors.ConselhoError(f"{provider} does not look signed in here: {found.advice}")


def seat(api: "Api", wanted: Seat) -> Councilor:
    """Its councilor: the one that is there, else a new one."""
    agent = agent_of(api, wanted)
    try:
        found = named.councilor(api, wanted.slug)
    except errors.NotFound:
        return _promoted(api, agent, wanted)
    if found["agent_id"] == agent["id"]:
        return found
    api.delete(named.councilor_path(wanted.slug))  # its agent was removed, and the one of that name is another
    return _promoted(api, agent, wanted)


def agent_of(api: "Api", wanted: Seat) -> Agent:
    """The agent of a seat: the one that is there, told what has changed, else a new one."""
    try:
        found = named.one(api, wanted.slug)
    except errors.NotFound:
        made: Agent = api.post("/agents", {"slug": wanted.slug} | wanted.agent)
        return made
    changed = {name: value for name, value in wanted.agent.items() if found[name] != value}
    if not changed:
        return found
    told: Agent = api.patch(named.path(wanted.slug), changed)
    return told


def fire(api: "Api", councilor: Councilor) -> Execution:
    """A run of it, begun now; the one it has, where its schedule was quicker. Raises: errors.Conflict."""
    for tries_left in reversed(range(FIRES_TRIED)):
        try:
            begun: Execution = api.post(named.councilor_path(councilor["slug"], "fire"), {"origin": "cli"})
        except errors.Conflict:
            newest = api.get("/executions", councilor=councilor["id"], limit=1)["items"]
            if newest and newest[0]["completed_at"] is None:
                going_on: Execution = newest[0]
                return going_on
            if not tries_left:
                raise
            continue
        return begun
    raise AssertionError("the last try returns or raises")


def reports(api: "Api", councilors: list[Councilor]) -> list[dict[str, Any]]:
    """How each of them is doing by now."""
    return [api.get(named.councilor_path(each["slug"], "report"), limit=1) for each in councilors]


def new_findings(report: dict[str, Any], execution: Execution) -> int | None:
    """How many findings a run was the first to name; None: it is not the last that ended, and nobody knows."""
    changes = report["findings"]
    return int(changes["new"]["total"]) if changes["execution_id"] == execution["id"] else None


def _promoted(api: "Api", agent: Agent, wanted: Seat) -> Councilor:
    # Title and task are the same, so that its runs are called by the analysis alone.
    made: Councilor = api.post(
        f"{named.path(agent['slug'])}/promote",
        {
            "slug": wanted.slug,
            "title": wanted.title,
            "task": {"name": wanted.title, "prompt": wanted.prompt},
            # A demo that was not there owes nobody anything.
            "schedule": {"type": "interval", "value": wanted.every, "catch_up": "none"},
        },
    )
    return made
