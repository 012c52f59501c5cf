"""Which providers there are, over HTTP."""

from pathlib import Path

import pytest

from conselho.providers import registry
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.providers import talker
from tests.server.desk import served


@on_a_loop
async def test_every_provider_is_told_with_what_is_there_of_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch)
    program = tmp_path / "talker"
    program.write_text("#!/bin/sh\necho 1.2.3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TALKER_KEY", "x")
    async with served(settings) as desk:
        found = {each["name"]: each for each in (await desk.http.get("/providers")).json()["items"]}
    assert list(found) == registry.names()
    assert found["talker"] == {
        "name": "talker", "program": "talker", "installed": True, "version": "1.2.3", "path": str(program),
        "signed_in": "yes", "seen_by": "TALKER_KEY", "advice": None,
    }  # fmt: skip
    assert (found["command"]["program"], found["command"]["signed_in"]) == (None, None)
