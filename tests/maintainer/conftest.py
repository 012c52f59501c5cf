"""The maintainer as a real child process, in real repositories and plain directories."""

import os
import subprocess
from pathlib import Path

import pytest

from conselho.maintainer import start
from tests.analyses.conftest import GitRepository, Outcome

SECONDS_MAX = 90.0
OURS = ("CONSELHO_COMMAND", "CONSELHO_BASE", "CONSELHO_CHECK", "CONSELHO_CARD")


def maintain(
    place: Path, *arguments: str, prompt: bytes = b"Do it.\n", environment: dict[str, str] | None = None
) -> Outcome:
    """Run it in that directory, as it is started for a card."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        start.argv(*arguments),
        cwd=place,
        env=kept | (environment or {}),
        input=prompt,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode().split("\n")[:-1], done.stderr.decode())


def commit_of(repository: GitRepository) -> str:
    """The commit that is checked out."""
    return repository.git("rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """An empty repository."""
    root = tmp_path / "shop"
    root.mkdir()
    made = GitRepository(root)
    made.git("init", "--quiet")
    return made


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a trace when it runs; the trace is `trap.ran`."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap.ran\ncat\n")
    program.chmod(0o755)
    return program
