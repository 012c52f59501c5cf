"""Which runs of OpenCode are recorded?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conselho.providers.opencode import AGENT, OpenCode
from conselho.providers.options import Options
from tests.agent_clis.asking import OPENCODE_CONFIGURATION, OPENCODE_MODEL
from tests.agent_clis.test_opencode import call, shell, write
from tests.scripted_model.recording import PLACE, Cli, Recording


def configured(home: Path, url: str) -> Mapping[str, str]:
    """A user's configuration, with the scripted model as its provider."""
    write(home / ".config" / "opencode" / "opencode.json", OPENCODE_CONFIGURATION)
    return {"SCRIPTED_URL": url, "SCRIPTED_KEY": "dummy"}


def refused(times: int | str = "always", **fail: Any) -> dict[str, Any]:
    """A model that refuses."""
    return {"fail": fail | {"times": times}}


EDIT, FULL = Options(permission_mode="edit"), Options(permission_mode="full")
AT_ONCE = {"retry-after-ms": "20"}
LOOK = call("read", filePath=str(PLACE / "project" / "README.md"))
AGAIN = shell("git status")
ASKING = {
    "OPENCODE_CONFIG_CONTENT": json.dumps({"agent": {AGENT: {"mode": "primary"}}}),
    "OPENCODE_PERMISSION": json.dumps({"bash": "ask"}),
}
LIMIT = "Rate limit reached. Please try again in 20s."
RECORDINGS = {
    "tools": Recording(
        model=OPENCODE_MODEL,
        turns=[
            [{"think": "First I look around."}, {"say": "Let me read it."}, LOOK],
            shell("rm -rf build"),
            {"say": 'It is fine.\nVERDICT: {"severity": "success", "summary": "fine"}'},
        ],
        options=EDIT,
    ),
    "empty": Recording(model=OPENCODE_MODEL, turns=[{"say": ""}]),
    "loop": Recording(model=OPENCODE_MODEL, turns=[[AGAIN, AGAIN, AGAIN, AGAIN]], options=EDIT),
    "permission-asked": Recording(model=OPENCODE_MODEL, turns=[shell("echo 1"), {"say": "never"}], env=ASKING),
    "refused-key": Recording(
        model=OPENCODE_MODEL, turns=[refused(status=401, message="Incorrect API key provided: dummy.")]
    ),
    "rate-limit": Recording(model=OPENCODE_MODEL, turns=[refused(status=429, message=LIMIT, headers=AT_ONCE)]),
    "retried": Recording(
        model=OPENCODE_MODEL, turns=[refused(1, status=429, message="Slow down.", headers=AT_ONCE), {"say": "Done"}]
    ),
    "dropped": Recording(
        model=OPENCODE_MODEL, turns=[[{"say": "Half an answer that goes on"}, {"drop": True}], {"say": "Whole."}]
    ),
    "too-long": Recording(
        model=OPENCODE_MODEL,
        turns=[refused(status=400, message="This model's maximum context length is 128000 tokens.")],
    ),
    "unknown-model": Recording(model="scripted/large"),
    "unknown-session": Recording(model=OPENCODE_MODEL, session="ses_dfe4fafa1ffeRORxtNViAmpUkZ"),
    "killed": Recording(
        model=OPENCODE_MODEL, turns=[[{"say": "Waiting."}, shell("sleep 60")]], options=FULL, stop_at="Waiting."
    ),
}

CLI = Cli(
    provider=OpenCode(),
    prepare=configured,
    recordings=RECORDINGS,
    folder="project",
    shown_as={str(PLACE): "/srv"},
)
