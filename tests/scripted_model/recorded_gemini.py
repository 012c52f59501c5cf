"""Which runs of Gemini CLI are recorded?"""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conselho.providers.gemini import Gemini
from conselho.providers.options import Options
from tests.agent_clis.asking import GEMINI_MODEL, GEMINI_SETTINGS
from tests.agent_clis.cli_house import PROGRAMS
from tests.agent_clis.test_gemini import call, shell
from tests.scripted_model.recording import PLACE, Cli, Prepare, Recording

# What is shown in place of this machine's folders, the longer ones first.
SHOWN_AS = {
    f"{PLACE}/repo": "/srv/repo",
    f"{PLACE}/home": "~",
    f"{PLACE}/files": "/tmp",
    str(PLACE): "/tmp",
    f"{PROGRAMS.parent}/@google/gemini-cli/bundle": "/gemini",
}


def configured(key: str = "dummy", turns_max: int = -1) -> Prepare:
    """A user's settings; `turns_max` is the limit in them."""

    def prepare(home: Path, url: str) -> Mapping[str, str]:
        settings = home / ".gemini" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps(GEMINI_SETTINGS | {"model": {"maxSessionTurns": turns_max}}))
        (home.parent / "repo" / "Makefile").write_text("check:\n\t@echo it is checked\n")
        return {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": url}

    return prepare


def refused(status: int, message: str, times: int | str = "always") -> dict[str, Any]:
    """A model that refuses."""
    return {"fail": {"status": status, "message": message, "times": times}}


EDIT, FULL = Options(permission_mode="edit"), Options(permission_mode="full")
GOOD = 'All is well.\n\nVERDICT: {"severity": "success", "summary": "fine", "findings": []}'
LOOK = call("read_file", file_path="README.md")
NO_MODEL = f"models/{GEMINI_MODEL} is not found for API version v1beta, or is not supported for generateContent."
TOO_LONG = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
RECORDINGS = {
    "answer": Recording(model=GEMINI_MODEL, turns=[{"say": GOOD}]),
    "edit": Recording(
        model=GEMINI_MODEL,
        turns=[
            [{"say": "Writing.\n"}, call("write_file", file_path="a.txt", content="b\n"), LOOK],
            shell("make check"),
            [{"think": "Hm."}, {"say": "Done: é😀"}],
        ],
        options=EDIT,
    ),
    "refusals": Recording(
        model=GEMINI_MODEL,
        turns=[
            shell("touch taken"),
            call("exit_plan_mode", plan_filename="plan.md"),
            call("read_file", file_path="/etc/hostname"),
            call("read_file", file_path="nowhere.md"),
            {"say": "I could not."},
        ],
    ),
    "refused-key": Recording(
        model=GEMINI_MODEL, turns=[refused(400, "API key not valid. Please pass a valid API key.")]
    ),
    "limit": Recording(
        model=GEMINI_MODEL, turns=[refused(429, "You exceeded your current quota. Please retry in 7200.5s.")]
    ),
    "asked-again": Recording(model=GEMINI_MODEL, turns=[refused(503, "The model is overloaded.", 1), {"say": "Done"}]),
    "too-long": Recording(model=GEMINI_MODEL, turns=[refused(400, TOO_LONG)]),
    "no-model": Recording(model=GEMINI_MODEL, turns=[refused(404, NO_MODEL)]),
    "no-key": Recording(model=GEMINI_MODEL, prepare=configured(key="")),
    "unknown-session": Recording(model=GEMINI_MODEL, session="21111111-1111-4111-8111-111111111111"),
    "turns": Recording(model=GEMINI_MODEL, turns=[LOOK, {"say": "never"}], prepare=configured(turns_max=1)),
    "stopped": Recording(
        model=GEMINI_MODEL,
        turns=[[{"say": "One line\nand half of ano"}, shell("sleep 20")], {"say": "never"}],
        options=FULL,
        stop_at="tool_use",
        stop_by=signal.SIGTERM,
    ),
    "silent": Recording(
        model=GEMINI_MODEL,
        turns=[[{"say": "One line\nand half of another, which is never said"}, {"stall": True}]],
        stop_at="half of ano",
        stop_by=signal.SIGTERM,
    ),
    "empty": Recording(model=GEMINI_MODEL, turns=[{"say": ""}] * 6),
    "dropped": Recording(model=GEMINI_MODEL, turns=[[{"say": "One line\nand half of another"}, {"drop": True}]]),
}

CLI = Cli(provider=Gemini(), prepare=configured(), recordings=RECORDINGS, shown_as=SHOWN_AS)
