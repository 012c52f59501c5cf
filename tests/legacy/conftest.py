"""What the older doors' tests share: settings for a fresh data directory on either database."""

from pathlib import Path

import pytest

from conselho.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Quick enough for a test, slow enough for a machine on which many run at once."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Settings(data_dir=data_dir, database_url=database_url, poll_seconds=0.2, term_grace_seconds=0.5)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project that is no repository."""
    made = tmp_path / "shop"
    made.mkdir()
    return made
