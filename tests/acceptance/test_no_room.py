"""What if a host has no room for a run at the moment it should start?"""

from tests.acceptance import agents
from tests.acceptance.house import House
from tests.acceptance.waiting import until


def test_a_run_whose_directory_cannot_be_made_waits_and_says_for_what(house: House) -> None:
    server = house.serve()
    runs = house.data_dir / "runs"
    runs.write_text("in the way")
    execution_id = server.submit(agents.count(10))

    until(lambda: "room" in (server.show(execution_id)["waiting_for"] or ""), "it to be given back")
    shown = server.show(execution_id)
    assert (shown["status"], shown["reason"], shown["error"]) == ("queued", None, None)
    assert "file exists, tried again at " in shown["waiting_for"]
    runs.unlink()

    assert server.end_of(execution_id)["status"] == "succeeded"
    assert server.said(execution_id) == [str(number) for number in range(1, 11)]
    assert house.starts(execution_id) == 1
