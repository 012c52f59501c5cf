"""How do tests start `conselho`? As a person does: as a process, in an environment without settings."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = (sys.executable, "-m", "conselho")


def environment(**more: str) -> dict[str, str]:
    """Ours without settings of Conselho's and without what colours output."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CONSELHO_") and name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONWARNINGS"}
    }
    # Many servers are started beside each other: each takes a port of its own.
    return kept | {"CONSELHO_PORT": "0"} | more


def conselho(
    *arguments: str, cwd: Path | None = None, stdin: str | None = None, variables: Mapping[str, str] = {}, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=environment(**variables, **more),
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
