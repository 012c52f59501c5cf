"""Which runs of Claude Code are recorded?"""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conselho.providers.claude import Claude
from conselho.providers.options import Options
from tests.scripted_model.recording import LAST, Cli, Recording, always

GONE = "11111111-2222-4333-8444-555555555555"
LIMIT = {
    "retry-after": "3600",
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": "1900000000",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
}


def shell(command: str, **more: Any) -> dict[str, Any]:
    """A call of its shell."""
    return {"call": {"name": "Bash", "input": {"command": command} | more}}


def with_key(home: Path, url: str) -> Mapping[str, str]:
    """One try more, so that a refusal is recorded in a second."""
    del home
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-ant-dummy", "CLAUDE_CODE_MAX_RETRIES": "1"}


def with_token(home: Path, url: str) -> Mapping[str, str]:
    """As a subscriber, who has limits."""
    return {**with_key(home, url), "ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy"}


def without_key(home: Path, url: str) -> Mapping[str, str]:
    """As it is after its installation."""
    return {**with_key(home, url), "ANTHROPIC_API_KEY": ""}


def session_of(printed: str) -> str | None:
    """That of its first line."""
    found = json.loads(printed.partition("\n")[0] or "{}").get("session_id")
    return found if isinstance(found, str) else None


EDIT, FULL = Options(permission_mode="edit"), Options(permission_mode="full")
WRITE = {"call": {"name": "Write", "input": {"file_path": "/etc/taken", "content": "x"}}}
WAIT = "until false; do sleep 1; done"  # it refuses to do nothing but sleep
READ_TWICE = [{"say": "Both at once."}, shell("cat README.md"), shell("cat nothing.md")]

CLI = Cli(
    provider=Claude(),
    prepare=with_key,
    session_of=session_of,
    recordings={
        "answer": Recording(turns=[[{"think": "Let me see."}, {"say": "All is well.\nVERDICT: fine"}]]),
        "resumed": Recording(turns=[{"say": "It still is."}], session=LAST),
        "tools": Recording(turns=[READ_TWICE, shell("seq 3; exit 3"), {"say": "Done"}], options=FULL),
        "denied": Recording(turns=[shell("touch a.txt"), shell("touch b.txt"), {"say": "I could not."}]),
        "edit": Recording(turns=[shell("touch a.txt"), WRITE, {"say": "Done"}], options=EDIT),
        "background": Recording(
            turns=[shell("sleep 1; echo late", run_in_background=True), {"say": "It runs."}, {"say": "It has ended."}],
            options=FULL,
        ),
        "refused-key": Recording(turns=always(status=401, message="invalid x-api-key")),
        "no-key": Recording(prepare=without_key),
        "limit": Recording(turns=always(status=429, message="limit", headers=LIMIT), prepare=with_token),
        "rate-limit": Recording(turns=always(status=429, message="Slow down")),
        "no-credit": Recording(turns=always(status=400, message="Your credit balance is too low to access the API.")),
        "asked-again": Recording(turns=[[{"say": "half of"}, {"drop": True}], {"say": "Done"}]),
        "failing": Recording(turns=always(status=500, message="oops")),
        "too-long": Recording(turns=always(status=400, message="prompt is too long: 210000 tokens > 200000 maximum")),
        "no-model": Recording(turns=always(status=404, message="model: scripted")),
        "max-turns": Recording(turns=[shell("ls"), shell("ls")], options=Options(max_turns=1)),
        "budget": Recording(turns=[shell("ls"), shell("ls")], options=Options(max_cost_usd=0.0001)),
        "silent": Recording(turns=[[{"think": "What shall I say?"}], [], []]),
        "command": Recording(prompt="/help me"),
        "interrupted": Recording(
            turns=[[{"say": "Waiting."}, shell("ls")], {"stall": True}], stop_at="tool_result", stop_by=signal.SIGINT
        ),
        "killed": Recording(turns=[[{"say": "Waiting."}, shell(WAIT)]], stop_at='"tool_use","id"', options=FULL),
        "unknown-session": Recording(session=GONE),
        "no-mcp-config": Recording(options=Options(mcp_config="/nothing")),
    },
)
