"""Real git repositories, made in a temporary folder, and the analyses run over them as real child processes."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conselho.analyses import catalog

SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a program said, line by line, and how it ended."""

    exit_code: int
    lines: list[str]
    complaint: str

    @property
    def verdict(self) -> dict[str, Any]:
        """The last line, parsed."""
        assert self.exit_code == 0, self.complaint
        word, _, verdict = self.lines[-1].partition(" ")
        assert word == "VERDICT:"
        parsed: dict[str, Any] = json.loads(verdict)
        return parsed

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Of the verdict."""
        found: list[dict[str, Any]] = self.verdict["findings"]
        return found

    @property
    def severity(self) -> str:
        """Of the verdict."""
        return str(self.verdict["severity"])

    @property
    def summary(self) -> str:
        """Of the verdict."""
        return str(self.verdict["summary"])

    def line_with(self, words: str) -> str:
        """The one line that contains the words."""
        (line,) = [line for line in self.lines if words in line and not line.startswith("VERDICT:")]
        return line


def analyse(
    name: str,
    path: Path | str,
    *options: str,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Outcome:
    """Run an analysis as the catalog starts it."""
    done = subprocess.run(
        [*catalog.find(name).argv(path), *options],
        cwd=cwd or path,
        env=os.environ | (environment or {}),
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode().split("\n")[:-1], done.stderr.decode())


@dataclass
class GitRepository:
    """A repository of a test; commits have an author and a day."""

    root: Path
    today: datetime = field(default_factory=lambda: datetime.now(UTC))
    unstaged: list[bytes] = field(default_factory=list)

    def git(self, *arguments: str | bytes, environment: dict[str, str] | None = None) -> str:
        """Run git in it, apart from the configuration of who runs the tests."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={
                **os.environ,
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_COMMITTER_NAME": "Test",
                "GIT_COMMITTER_EMAIL": "test@example.org",
                **(environment or {}),
            },
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="replace")

    def write(self, path: str | bytes, content: str | bytes) -> None:
        """Write a file; git tracks it from the next commit or analysis on."""
        place = os.path.join(os.fsencode(self.root), os.fsencode(path))  # noqa: PTH118 - bytes
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - bytes
        with open(place, "wb") as opened:  # noqa: PTH123 - bytes
            opened.write(content.encode() if isinstance(content, str) else content)
        self.unstaged.append(os.fsencode(path))

    def stage(self) -> None:
        """Have git track what was written, all in one go."""
        if self.unstaged:
            self.git("--literal-pathspecs", "add", "--", *self.unstaged)
            self.unstaged.clear()

    def commit(self, author: str = "Ana", *, days_ago: float = 0) -> None:
        """Commit what is staged, as `author`, on that day."""
        self.stage()
        at = (self.today - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.git(
            *("commit", "--quiet", "--allow-empty", "--message", "Change."),
            environment={
                "GIT_AUTHOR_NAME": author,
                "GIT_AUTHOR_EMAIL": f"{author.lower()}@example.org",
                "GIT_AUTHOR_DATE": at,
                "GIT_COMMITTER_DATE": at,
            },
        )

    def make(self, files: dict[str, str | bytes]) -> "GitRepository":
        """Write the files and commit them."""
        for path, content in files.items():
            self.write(path, content)
        self.commit()
        return self

    def analyse(self, name: str, *options: str) -> Outcome:
        """Run an analysis over it."""
        self.stage()
        return analyse(name, self.root, *options)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """An empty repository."""
    root = tmp_path / "repository"
    root.mkdir()
    made = GitRepository(root)
    made.git("init", "--quiet")
    return made


@pytest.fixture(params=[analysis.name for analysis in catalog.ALL])
def name(request: pytest.FixtureRequest) -> str:
    """Each analysis in turn."""
    return str(request.param)
