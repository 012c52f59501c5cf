"""The terminal and a real agent CLI, as a person uses them: run, show, go on, try.

The commands themselves are not on the island: they reach its server by the socket.
"""

import json
import subprocess

from tests.agent_clis.cli_house import CliHouse, Model
from tests.cli.programs import conselho


def at(house: CliHouse, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command of a person who sits in the repository."""
    place = {"CONSELHO_DATA_DIR": str(house.data_dir), "PATH": house.environment["PATH"]}
    return conselho(*arguments, cwd=house.repo, variables=place | {"HOME": str(house.home)})


def variables(model: Model) -> tuple[str, ...]:
    return ("--env", f"ANTHROPIC_BASE_URL={model.url}", "--env", "ANTHROPIC_API_KEY=sk-ant-dummy")


def newest(house: CliHouse) -> str:
    identity: str = json.loads(at(house, "executions", "list", "--json").stdout)["items"][0]["id"]
    return identity


def test_a_conversation_is_printed_shown_and_gone_on_with(cli_house: CliHouse) -> None:
    call = {"call": {"name": "Bash", "input": {"command": "ls", "description": "List"}}}
    model = cli_house.model(
        [[{"think": "Hm."}, {"say": "I look."}, call], {"say": "One file."}, {"say": "It is short."}]
    )
    cli_house.serve()
    told = at(cli_house, "run", "--provider", "claude", *variables(model), "--prompt", "Audit this repo", "--cwd", ".")
    assert told.returncode == 0, told.stderr
    marks = [line for line in told.stdout.splitlines() if not line.startswith("  | ")]
    assert marks[:3] == ["~ Hm.", "I look.", "> Bash: ls"]
    assert marks[3] == "One file."
    assert "README.md" in told.stdout

    shown = at(cli_house, "executions", "show", first := newest(cli_house)).stdout
    for field in ("session ", "turns ", "input_tokens ", "output_tokens ", "cost_usd ", "model "):
        assert f"\n{field}" in shown
    assert shown.endswith("result\n  One file.\n")

    told = at(cli_house, "run", "--continue", first, "--mode", "full", "--prompt", "And README.md?")
    assert (told.returncode, "It is short." in told.stdout) == (0, True), told.stderr
    assert told.stderr.startswith("runs with all permissions: nothing is asked (full)\n")
    assert model.turns()[-1]["asked"][-1] == "And README.md?"
    assert "\noptions               --mode full\n" in at(cli_house, "executions", "show", newest(cli_house)).stdout


def test_an_agent_is_tried_with_one_word(cli_house: CliHouse) -> None:
    model = cli_house.model([{"say": "ready"}])
    cli_house.serve()
    assert at(cli_house, "agents", "add", "auditor", "--provider", "claude", *variables(model)).returncode == 0
    told = at(cli_house, "agents", "try", "auditor")
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "ready"), told.stderr
    assert "Answer with the one word" in model.turns()[0]["asked"][-1]
