"""What is a recording of an agent CLI? One run of the real program, with a provider's own invocation.

Each CLI has a table of these in a module of its own, `recorded_NAME.py`; `record.py` makes them.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conselho.providers.base import Provider
from conselho.providers.options import Options

LAST = "last"  # the session of the recording before
PLACE = Path("/tmp/conselho-recording")  # the same each time; its `home` is the HOME
Prepare = Callable[[Path, str], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One run. `turns` are the model's; HOME and directory are new but for one that goes on with the one before."""

    turns: Sequence[Any] = ()
    prompt: str = "Audit this repo"
    model: str | None = None
    options: Options = field(default_factory=Options)
    session: str | None = None  # to be continued: an id, or `LAST`
    prepare: Prepare | None = None  # in place of its CLI's
    env: Mapping[str, str] = field(default_factory=dict)  # after what the provider says, as that of an agent
    stop_at: str | None = None  # once it has printed this
    stop_by: signal.Signals = signal.SIGKILL  # it and its process group are ended so


@dataclass(frozen=True, kw_only=True)
class Cli:
    """A CLI and its recordings by name, in their order."""

    provider: Provider
    prepare: Prepare
    """Writes what it is configured by below a HOME, for a model at a URL; returns variables for its environment."""
    recordings: Mapping[str, Recording]
    session_of: Callable[[str], str | None] = lambda _: None
    """The session that a whole stdout speaks of, where one of the recordings goes on with it."""
    folder: str = "repo"  # where it works, below `PLACE`
    shown_as: Mapping[str, str] = field(default_factory=dict)  # what the streams say for a text of this machine


def always(**fail: Any) -> list[Any]:
    """A model that refuses, however often it is asked."""
    return [{"fail": fail | {"times": "always"}}]
