"""Which runs of Codex CLI are recorded?"""

import sys
from collections.abc import Mapping
from pathlib import Path

from conselho.providers.codex import Codex
from conselho.providers.options import Options
from tests.agent_clis import mcp_server
from tests.agent_clis.asking import CODEX_CONFIG
from tests.agent_clis.test_codex import shell
from tests.scripted_model.recording import LAST, Cli, Prepare, Recording, always

PATCH = "apply_patch <<'END'\n*** Begin Patch\n*** Add File: a.txt\n+b\n*** End Patch\nEND"
SHOUT = f'\n[mcp_servers.scripted]\ncommand = "{sys.executable}"\nargs = ["{mcp_server.__file__}"]\n'
SHOUTED = {"call": {"name": "shout", "input": {"text": "hello"}}}
FULL = Options(permission_mode="full")


def configured(more: str = "") -> Prepare:
    """The usual configuration, with more behind it."""

    def prepare(home: Path, url: str) -> Mapping[str, str]:
        write(home, CODEX_CONFIG.format(url=url) + more)
        return {"SCRIPTED_KEY": "dummy"}

    return prepare


def without_key(home: Path, url: str) -> Mapping[str, str]:
    """As it is where nobody signed in."""
    write(home, CODEX_CONFIG.format(url=url))
    return {}


def broken(home: Path, url: str) -> Mapping[str, str]:
    """A configuration that is none."""
    write(home, "model = [")
    return {"SCRIPTED_KEY": "dummy"}


def write(home: Path, config: str) -> None:
    """Make it the user's."""
    file = home / ".codex" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(config)


def session_of(printed: str) -> str | None:
    """That of its first line."""
    return printed.partition('"thread_id":"')[2].partition('"')[0] or None


ESCAPE = shell("touch /etc/taken", sandbox_permissions="require_escalated", justification="please")
RECORDINGS = {
    "answer": Recording(turns=[[{"think": "Let me see."}, {"say": "All is well.\nVERDICT: fine"}]]),
    "resumed": Recording(turns=[{"say": "It still is."}], session=LAST),
    "tools": Recording(
        turns=[[{"say": "Writing."}, shell(PATCH)], shell("cat a.txt"), shell("exit 3"), SHOUTED, {"say": "Done"}],
        options=FULL,
        prepare=configured(SHOUT),
    ),
    "refusals": Recording(turns=[ESCAPE, SHOUTED, {"say": "I could not."}], prepare=configured(SHOUT)),
    "refused-key": Recording(turns=always(status=401, message="Incorrect API key provided: dummy.")),
    "no-key": Recording(prepare=without_key),
    "limit": Recording(
        turns=always(status=429, kind="usage_limit_reached", message="The usage limit has been reached")
    ),
    "rate-limit": Recording(turns=always(status=429, message="Slow down")),
    "no-quota": Recording(turns=always(status=429, kind="insufficient_quota", message="You exceeded your quota")),
    "asked-again": Recording(turns=[[{"say": "half of"}, {"drop": True}], {"say": "Done"}]),
    "dropped": Recording(turns=[[{"say": "half of"}, {"drop": True}], [{"say": "half of"}, {"drop": True}]]),
    "failing": Recording(turns=always(status=500, message="oops")),
    "too-long": Recording(
        turns=always(status=400, kind="context_length_exceeded", message="Your input exceeds the context window")
    ),
    "no-model": Recording(
        turns=always(status=404, message="The model `scripted-1` does not exist or you do not have access to it.")
    ),
    "empty": Recording(turns=[[]]),
    "stopped": Recording(turns=[[{"say": "Waiting."}, shell("sleep 60")]], stop_at="item.started"),
    "unknown-session": Recording(session="01a201ad-796c-7ea1-a5ff-29763113d2ee"),
    "broken-config": Recording(prepare=broken),
}

CLI = Cli(provider=Codex(), prepare=configured(), session_of=session_of, recordings=RECORDINGS)
