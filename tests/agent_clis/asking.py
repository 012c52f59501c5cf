"""How is each CLI asked in a house? With a configuration as its user would make it, whose model is a scripted one."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.house import Server
from tests.agent_clis.cli_house import CliHouse, Model

Ask = Callable[..., str]
Wish = dict[str, Any]

# Quick where the CLI would wait: one try more, and no half minute of them.
CLAUDE_QUICK = {"ANTHROPIC_API_KEY": "sk-ant-dummy", "CLAUDE_CODE_MAX_RETRIES": "1"}
CODEX_CONFIG = """
model = "scripted-1"
model_provider = "scripted"

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 1

[features]
shell_snapshot = false  # made behind the run's back, and left running where the answer is there at once
"""
# Else its sandbox leaves an empty .git there, for as long as this machine lives: few tests have a TMPDIR of the run's.
CODEX_SPARES_TMP = """
[sandbox_workspace_write]
exclude_slash_tmp = true
"""
GEMINI_MODEL = "gemini-2.5-flash"
# By default a question that was refused is asked ten times, up to half a minute apart.
GEMINI_SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"maxAttempts": 2},
}
OPENCODE_MODEL = "scripted/small"
# As a user would add a model of his own; the package that speaks to it is part of OpenCode, nothing is fetched.
OPENCODE_CONFIGURATION = {
    "provider": {
        "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "{env:SCRIPTED_URL}/v1", "apiKey": "{env:SCRIPTED_KEY}"},
            "models": {
                "small": {
                    "limit": {"context": 1_000_000, "output": 8_000},
                    "cost": {"input": 1, "output": 2, "cache_read": 0.1},
                }
            },
        }
    }
}


def _claude(_: CliHouse, model: Model) -> Wish:
    return {"env": CLAUDE_QUICK | {"ANTHROPIC_BASE_URL": model.url}, "model": "claude-sonnet-4-5"}


def _codex(house: CliHouse, model: Model) -> Wish:
    configured(house.home / ".codex" / "config.toml", CODEX_CONFIG.format(url=model.url) + CODEX_SPARES_TMP)
    return {"env": {"SCRIPTED_KEY": "dummy"}}


def _gemini(house: CliHouse, model: Model) -> Wish:
    configured(house.home / ".gemini" / "settings.json", GEMINI_SETTINGS)
    return {"model": GEMINI_MODEL, "env": {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": model.url}}


def _opencode(house: CliHouse, model: Model) -> Wish:
    configured(house.home / ".config" / "opencode" / "opencode.json", OPENCODE_CONFIGURATION)
    return {"model": OPENCODE_MODEL, "env": {"SCRIPTED_URL": model.url, "SCRIPTED_KEY": "dummy"}}


WISHES: dict[str, Callable[[CliHouse, Model], Wish]] = {
    "claude": _claude, "codex": _codex, "gemini": _gemini, "opencode": _opencode
}  # fmt: skip
"""What a request, or an agent, says so that its CLI asks that model."""


def ask_with(
    provider: str, house: CliHouse, server: Server, of: Model, prompt: str = "Audit this repo", /, **wish: Any
) -> str:
    """Have that CLI asked; returns the id of the execution.

    `wish`: what else its request says; with `env` None it has none at all.
    """
    usual = WISHES[provider](house, of)
    own = wish.get("env", {})
    said: Wish = usual | wish | {"env": {} if own is None else usual["env"] | own}
    return house.ask(server, provider, prompt, **said)


claude: Ask
claude, codex, gemini, opencode = (partial(ask_with, each) for each in WISHES)
ASKING: dict[str, Ask] = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}


def configured(path: Path, content: Any) -> None:
    """What a test wrote there before stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(content if isinstance(content, str) else json.dumps(content))
