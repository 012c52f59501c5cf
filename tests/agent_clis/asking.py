"""How is each CLI asked in a house? With a configuration as its user would make it, whose model is a scripted one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.house import Server
from tests.agent_clis.cli_house import CliHouse, Model

Ask = Callable[..., str]

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


def claude(house: CliHouse, server: Server, scripted: Model, prompt: str = "Audit this repo", **wish: Any) -> str:
    env = CLAUDE_QUICK | {"ANTHROPIC_BASE_URL": scripted.url} | wish.pop("env", {})
    return house.ask(server, "claude", prompt, **{"env": env, "model": "claude-sonnet-4-5"} | wish)


def codex(house: CliHouse, server: Server, scripted: Model, prompt: str = "Audit this repo", **wish: Any) -> str:
    configured(house.home / ".codex" / "config.toml", CODEX_CONFIG.format(url=scripted.url) + CODEX_SPARES_TMP)
    return house.ask(server, "codex", prompt, **{"env": {"SCRIPTED_KEY": "dummy"}} | wish)


def gemini(house: CliHouse, server: Server, scripted: Model, prompt: str = "Audit this repo", **wish: Any) -> str:
    configured(house.home / ".gemini" / "settings.json", GEMINI_SETTINGS)
    env = {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": scripted.url} | wish.pop("env", {})
    return house.ask(server, "gemini", prompt, **{"model": GEMINI_MODEL, "env": env} | wish)


def opencode(house: CliHouse, server: Server, scripted: Model, prompt: str = "Audit this repo", **wish: Any) -> str:
    configured(house.home / ".config" / "opencode" / "opencode.json", OPENCODE_CONFIGURATION)
    env = {"SCRIPTED_URL": scripted.url, "SCRIPTED_KEY": "dummy"} | wish.pop("env", {})
    return house.ask(server, "opencode", prompt, **{"model": OPENCODE_MODEL, "env": env} | wish)


def configured(path: Path, content: Any) -> None:
    """What a test wrote there before stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(content if isinstance(content, str) else json.dumps(content))


ASKING: dict[str, Ask] = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}
