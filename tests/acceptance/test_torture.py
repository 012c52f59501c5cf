"""A few rounds of what `make torture` does for hundreds."""

from pathlib import Path

from tests.acceptance.nursery import Nursery
from tests.acceptance.torture import torture

ROUNDS = 6


def test_random_deaths_lose_nothing_repeat_nothing_and_tear_no_log(
    database_url: str, tmp_path: Path, nursery: Nursery
) -> None:
    is_sqlite = database_url.startswith("sqlite")
    name, url = ("sqlite", None) if is_sqlite else ("postgresql", database_url)

    report = torture(name, url, tmp_path, ROUNDS, 7, nursery)

    assert report.tally.offenders == {kind: [] for kind in report.tally.offenders}
    assert report.tally.executions >= ROUNDS
    assert sum(report.kills.values()) >= ROUNDS / 2
