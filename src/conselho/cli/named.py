"""How does a command come by the agent, the councilor, the project or the card that it was told the name of?"""

import re
from typing import TYPE_CHECKING, Any

from conselho import errors, ids
from conselho.agents import limits

if TYPE_CHECKING:
    from conselho.cli.client import Api

Agent = dict[str, Any]
Councilor = dict[str, Any]
Card = dict[str, Any]


def one(api: "Api", name: str) -> Agent:
    """The agent of that slug or id. Raises: errors.NotFound."""
    agent: Agent = api.get(path(name))
    return agent


def path(name: str) -> str:
    """Where that agent is; what is no name would lead elsewhere. Raises: errors.NotFound."""
    if not _is_name(name):
        raise errors.NotFound(absent(name))
    return f"/agents/{name}"


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no agent {name[:100]!r}: see those there are with `conselho agents list`"


def councilor(api: "Api", name: str) -> Councilor:
    """The councilor of that slug or id. Raises: errors.NotFound."""
    found: Councilor = api.get(councilor_path(name))
    return found


def councilor_path(name: str, *below: str) -> str:
    """Where that councilor is, and what is below it. Raises: errors.NotFound."""
    if not _is_name(name):
        raise errors.NotFound(
            f"there is no councilor {name[:100]!r}: see those there are with `conselho councilors list`"
        )
    return "/".join(("/councilors", name, *below))


def project_path(name: str, *below: str) -> str:
    """Where the project of that slug or id is, and what is below it. Raises: errors.NotFound."""
    if not _is_name(name):
        raise errors.NotFound(f"there is no project {name[:100]!r}: see those there are with `conselho projects list`")
    return "/".join(("/projects", name, *below))


def card(api: "Api", name: str) -> Card:
    """The card of that number or id. Raises: errors.NotFound."""
    found: Card = api.get(card_path(name))
    return found


def card_path(name: str, *below: str) -> str:
    """Where the card of that number or id is, and what is below it. Raises: errors.NotFound."""
    if not (re.fullmatch(r"[0-9]{1,10}", name) or ids.is_id(name)):
        raise errors.NotFound(f"there is no card {name[:50]!r}: see those there are with `conselho cards list`")
    return "/".join(("/cards", name, *below))


def _is_name(text: str) -> bool:
    return re.fullmatch(limits.SLUG, text, re.ASCII) is not None
