"""Requests made from `/openapi.json` by schemathesis, good ones and bad ones, meet no error and no other shape.

A longer run by hand, which also goes through what it calls coverage:

    CONSELHO_TEST_EXAMPLES=300 .venv/bin/pytest tests/server/test_examples.py --timeout 3600
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from conselho.events import stream
from conselho.settings import Settings
from tests.architecture.source import ROOT
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

EXAMPLES = os.environ.get("CONSELHO_TEST_EXAMPLES")
EXAMPLES_MAX = EXAMPLES or "5"  # for each door
PHASES = "examples,coverage,fuzzing,stateful" if EXAMPLES else "examples,fuzzing"
CARDS = 9  # that there are, by their numbers
# A request of the right shape may be wrong: an agent there is not, a cursor that nobody gave out.
NOT_CHECKED = "positive_data_acceptance"


async def have_cards(desk: Desk, tmp_path: Path) -> None:
    """Cards that can be given commands."""
    (tmp_path / "project").mkdir()
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/projects", {"path": str(tmp_path / "project")}),
        ("/agents", {"slug": "ana", "argv": ["true"]}),
        *[("/cards", {"title": f"card {number}", "agent": "ana"}) for number in range(CARDS)],
    ]
    for path, body in bodies:
        answer = await desk.http.post(path, json=body)
        assert answer.status_code == 201, answer.text


@on_a_loop
async def test_no_request_made_from_the_document_meets_an_error_or_an_answer_of_another_shape(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STREAM_SECONDS", 0.05)  # else a stream of events would be read for ten minutes
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.02)
    async with served(settings) as desk:
        execution_id = await desk.make()
        await desk.http.post(f"/executions/{execution_id}/cancel")
        await have_cards(desk, tmp_path)
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"), "run", f"{desk.url}/openapi.json",
            "--phases", PHASES, "--max-examples", EXAMPLES_MAX, "--generation-deterministic",
            "--checks", "all", "--exclude-checks", NOT_CHECKED, "--request-timeout", "60", "--no-color",
            cwd=tmp_path,
            env=os.environ | {
                "SCHEMATHESIS_HOOKS": "tests.server.examples_hooks",
                "PYTHONPATH": str(ROOT),
                "CONSELHO_TEST_EXECUTION": execution_id,
                "CONSELHO_TEST_CARDS": str(CARDS),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        assert b"Tested: " in said
