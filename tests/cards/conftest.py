"""What the cards' tests share: a repository, a data directory, and settings for it on either database."""

from pathlib import Path

import pytest

from conselho.settings import Settings
from tests.projects.repositories import make_repository


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def settings(data_dir: Path, database_url: str) -> Settings:
    """Quick enough for a test, slow enough for a machine on which many run at once."""
    return Settings(data_dir=data_dir, database_url=database_url, poll_seconds=0.2, term_grace_seconds=0.5)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A user's repository."""
    return make_repository(tmp_path / "shop")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A directory that is no repository."""
    made = tmp_path / "plain"
    made.mkdir()
    return made
