"""How does a command come by the agent it was told the name of?"""

import re
from typing import TYPE_CHECKING, Any

from conselho import errors
from conselho.agents import limits

if TYPE_CHECKING:
    from conselho.cli.client import Api

Agent = dict[str, Any]


def one(api: "Api", name: str) -> Agent:
    """The agent of that slug or id. Raises: errors.NotFound."""
    agent: Agent = api.get(path(name))
    return agent


def path(name: str) -> str:
    """Where that agent is; what is no name would lead elsewhere. Raises: errors.NotFound."""
    if not re.fullmatch(limits.SLUG, name, re.ASCII):
        raise errors.NotFound(absent(name))
    return f"/agents/{name}"


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no agent {name[:100]!r}: see those there are with `conselho agents list`"
