"""What becomes of runs, and of those who ask for some, while there is no room on the disk?"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import agents
from tests.acceptance.disks import Disk, ForbiddenGrowth, MountedDisk
from tests.acceptance.house import House, MakeHouse
from tests.acceptance.waiting import until

LOST = re.compile(r"\[([\d,]+) bytes could not be kept here: the disk was full\]")


@pytest.fixture(params=["full", "forbidden to grow"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that is really full where one may be mounted, and one that only its writers think full."""
    opened: Disk
    try:
        opened = (MountedDisk if request.param == "full" else ForbiddenGrowth)(tmp_path / "disk")
    except OSError:
        opened = ForbiddenGrowth(tmp_path / "disk")
    yield opened
    opened.close()


@pytest.fixture
def full_house(disk: Disk, make_house: MakeHouse) -> House:
    """A house whose data directory, with a SQLite database, lies on that disk."""
    return make_house(None, disk.path / "data")


@pytest.fixture
def remote_house(disk: Disk, make_house: MakeHouse, postgres_database_url: str) -> House:
    """A house whose data directory lies on that disk, but not its database."""
    return make_house(postgres_database_url, disk.path / "data")


def test_a_run_goes_on_and_tells_what_is_missing_and_who_asks_is_refused(disk: Disk, full_house: House) -> None:
    server = full_house.serve()
    gate = full_house.gate()
    printing = agents.count(20_000, first=101) + 'touch "$TMPDIR/printed"\n'
    execution_id = server.submit(agents.count(100) + gate.wait + printing + gate.wait + "echo over\n")
    server.await_line(execution_id, "100")
    assert server.status_of("/readyz") == 200

    disk.fill([server.pid, full_house.spawned(execution_id)["shim"]])
    refused = server.post("echo later", key="later")
    assert (refused.status_code, refused.json()["code"] in disk.refusals) == (503, True)
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert server.status_of("/readyz") == 503
    assert server.status_of("/livez") == 200
    gate.open()
    full_house.await_file("printed")
    assert server.show(execution_id)["status"] == "running"

    disk.free()
    until(lambda: server.status_of("/readyz") == 200, "the server to be ready")
    gate.open()
    ended = server.end_of(execution_id)
    assert (ended["status"], ended["exit_code"], ended["severity"]) == ("succeeded", 0, "warning")
    assert full_house.starts(execution_id) == 1
    assert_holes_are_told(server.log(execution_id))
    later = server.submit("echo later", key="later")
    assert server.end_of(later)["status"] == "succeeded"
    assert {each["id"] for each in server.all()} == {execution_id, later}


def assert_holes_are_told(log: list[dict[str, Any]]) -> None:
    said = [line["text"] for line in log if line["kind"] == "stdout"]
    told = [LOST.fullmatch(line["text"]) for line in log if line["kind"] == "warning"]
    lost = [int(each[1].replace(",", "")) for each in told if each is not None]
    assert said[:100] == [str(number) for number in range(1, 101)]
    assert said[-1] == "over"
    assert lost
    assert len(lost) == len(told)
    printed = sum(len(str(number)) + 1 for number in range(101, 20_001))
    kept = sum(len(text) + 1 for text in said[100:-1])
    # A line that a hole cuts off has its end in the hole: nobody can say whether that was one byte more.
    assert abs(printed - kept - sum(lost)) <= 2 * len(lost)


def test_a_run_that_ends_on_a_full_disk_keeps_its_outcome(disk: Disk, remote_house: House) -> None:
    server = remote_house.serve()
    gate = remote_house.gate()
    execution_id = server.submit(agents.count(10) + gate.wait + "exit 7\n")
    server.await_line(execution_id, "10")

    disk.fill([server.pid])
    gate.open()
    ended = server.end_of(execution_id)

    assert (ended["status"], ended["exit_code"]) == ("failed", 7)
    assert server.said(execution_id) == [str(number) for number in range(1, 11)]


def test_a_run_can_be_cancelled_on_a_full_disk(disk: Disk, remote_house: House) -> None:
    server = remote_house.serve()
    execution_id = server.submit("echo here; sleep 600")
    server.await_line(execution_id, "here")

    disk.fill([server.pid])
    assert server.cancel(execution_id).status_code == 200
    if not disk.is_real:
        disk.free()  # room that is there must not be used either: it has to wait

    assert server.end_of(execution_id)["status"] == "cancelled"
    assert remote_house.processes(execution_id) == {}


def test_a_run_that_is_accepted_on_a_full_disk_waits_for_room(disk: Disk, remote_house: House) -> None:
    server = remote_house.serve()
    disk.fill([server.pid])

    execution_id = server.submit(agents.count(10))
    until(lambda: "room on the host" in (server.show(execution_id)["waiting_for"] or ""), "it to be given back")
    disk.free()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert server.said(execution_id) == [str(number) for number in range(1, 11)]
    assert remote_house.starts(execution_id) == 1


def test_a_run_whose_supervisor_has_no_room_to_begin_waits_for_it(
    make_house: MakeHouse, postgres_database_url: str, tmp_path: Path
) -> None:
    disk = ForbiddenGrowth(tmp_path / "disk")
    house = make_house(postgres_database_url, disk.path / "data")
    server = house.serve()
    disk.fill([server.pid], up_to=4000)  # enough for what to run, not for how it ended

    execution_id = server.submit(agents.count(10))
    until(
        lambda: "its supervisor could not begin" in (server.show(execution_id)["waiting_for"] or ""),
        "it to be given back",
    )
    disk.free()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert house.starts(execution_id) == 1
