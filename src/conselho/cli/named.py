"""How does a command come by the agent it was told the name of?"""

import re
from typing import TYPE_CHECKING, Any

from conselho import errors

if TYPE_CHECKING:
    from conselho.cli.client import Api

Agent = dict[str, Any]

# As the server knows it, without its imports: a test compares.
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def one(api: "Api", name: str) -> Agent:
    """The agent of that slug or id. Raises: errors.NotFound."""
    agent: Agent = api.get(path(name))
    return agent


def path(name: str) -> str:
    """Where that agent is; what is no name would lead elsewhere. Raises: errors.NotFound."""
    if not SLUG.fullmatch(name):
        raise errors.NotFound(absent(name))
    return f"/agents/{name}"


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no agent {name[:100]!r}: see those there are with `conselho agents list`"
