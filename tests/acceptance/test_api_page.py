"""The session of docs/howto/api.md, run as it stands there on a real server."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import House, MakeHouse
from tests.architecture.markdown import ROOT, Page

PAGE = Page(ROOT / "docs" / "howto" / "api.md")


@pytest.fixture
def short_house(make_house: MakeHouse, database_url: str) -> Iterator[House]:
    """A house whose path is short enough for its socket to lie in it, as the page says."""
    place = Path(tempfile.mkdtemp(prefix="conselho-page-", dir="/tmp"))
    yield make_house(None if database_url.startswith("sqlite") else database_url, place)
    shutil.rmtree(place, ignore_errors=True)


def test_the_session_of_the_page_goes_as_it_says(short_house: House) -> None:
    server = short_house.serve()
    address = server.http.get("/server").json()["urls"][0].removeprefix("http://")
    script = "\n".join(["set -eu", *PAGE.blocks("sh")]).replace("127.0.0.1:8585", address)
    assert shutil.which("curl"), "install curl"

    told = subprocess.run(
        ["bash", "-c", script],
        env=short_house.environment | {"CONSELHO_DATA_DIR": str(short_house.data_dir)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert told.returncode == 0, told.stderr + told.stdout
    lines = told.stdout.splitlines()
    for said in ("succeeded", "one number is odd", "1", "250", "500", "cancelled", "id: 501", "event: end"):
        assert said in lines, f"{said}: {told.stdout}"
    assert lines.count("250") == 1
    life = [f"event: execution.{step}" for step in ("queued", "claimed", "started", "finished")]
    assert [line for line in lines if line.startswith("event: execution.")] == life
    assert '"detail":"there is no execution nobody"' in told.stdout
    assert {"it is not there", "and that was refused"} <= set(lines)
    assert '"detail":"colour: ' in told.stdout
    runs = {run["agent"]: run for run in server.all() if run["agent"]}
    assert len([run for run in server.all() if run["agent"] == "counter"]) == 1, "asked for twice, run once"
    assert runs["counter"]["log_lines"] == 501
    # The nap that was asked for again.
    (nap,) = [run["id"] for run in server.all() if run["retry_of"]]
    assert server.cancel(nap).status_code == 200
