"""What does a run get to see: which variables, which limits?

Variables come from a short list of the worker's own and those that sign in the agent CLI that is run, then from its
provider, then those of the worker's that the agent's definition names, then from the request; those that hold a CLI's
permissions come from its provider alone. The rest of the server's environment - its database's password, say - is not
for agents. Where the data is they are told, so that `conselho` in a run speaks to the server that started it.
"""

import os
import resource
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from conselho import clock
from conselho.agents import limits
from conselho.providers import registry
from conselho.providers.base import Invocation
from conselho.settings import Settings
from conselho.worker import shim

INHERITED = (
    "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
MARKER = "CONSELHO_EXECUTION"  # what a sweep looks for in the environments of processes
PLACE = "CONSELHO_DATA_DIR"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
# As we were started: a server allows itself more, and programs that count to the limit would take their time.
OPEN_FILES, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
TIMEOUT_SECONDS_MAX = 7 * 86400.0  # also what a run without a timeout gets


def variables(row: Row[Any], invocation: Invocation, settings: Settings) -> dict[str, str]:
    """The whole environment of a run."""
    allowed = (name for name in row.env_allow or () if not name.startswith(limits.OUR_OWN))
    program = registry.find(row.provider).program
    signing_in = () if program is None else program.variables
    found = {"PATH": DEFAULT_PATH, PLACE: str(settings.data_dir)} | _ours((*INHERITED, *signing_in))
    found |= invocation.env | _ours(allowed) | (row.env or {})
    return found | invocation.fixed | {MARKER: row.id}


def _ours(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def spec(row: Row[Any], invocation: Invocation, settings: Settings, log_begins_after: int = 0) -> dict[str, Any]:
    """What the shim is told, see `worker/shim.py`."""
    return {
        "execution": row.id,
        "argv": list(invocation.argv),
        "cwd": row.cwd,
        "env": variables(row, invocation, settings),
        "timeout_seconds": row.timeout_seconds or settings.default_timeout_seconds or TIMEOUT_SECONDS_MAX,
        "idle_timeout_seconds": row.idle_timeout_seconds,
        "grace_seconds": settings.term_grace_seconds,
        "pipe_seconds": 5.0,  # a grandchild that holds stdout is given so long after the exit
        "kill_seconds": settings.kill_seconds,
        "output_bytes_max": settings.log_bytes_max,
        "tail_bytes": min(settings.log_tail_bytes, settings.log_bytes_max // 2),
        "start_by_boot_seconds": clock.boot_seconds() + settings.lease_seconds,
        "deadline": bool(row.retry_on_loss),
        "containment": settings.containment,
        "open_files": OPEN_FILES,
        "boot_id": shim.boot_id(),
        # For us, and not for the shim: what the log says first, and behind how many lines of an earlier start.
        "notes": [*_conversation(row), *invocation.notes],
        "log_begins_after": log_begins_after,
    }


def _conversation(row: Row[Any]) -> tuple[str, ...]:
    """What is to be known where a conversation should go on, and cannot."""
    if row.continue_from is None or row.resume is not None:
        return ()
    whose = f"that {row.provider} could take up, and another CLI's cannot be"
    return (f"run {row.continue_from} has no session {whose}: a new one is begun",)
