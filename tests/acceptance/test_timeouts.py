"""`conselho run --timeout`: whatever a run does to live on, it is over, and so is everything it started."""

import uuid

import pytest

from tests.acceptance import traces
from tests.acceptance.house import House
from tests.cli.programs import conselho

DEAF = "trap '' TERM; "
# A length of sleep that nobody else has: so is every process told that wipes its environment.
STAY = "while :; do sleep {seconds}; done"
STUBBORN = {
    "sleeps": "sleep {seconds}",
    "traps TERM": f"{DEAF}{STAY}",
    "double-forks and calls setsid": f'(setsid sh -c "{DEAF}{STAY}" &)\n{STAY}',
    "wipes its environment, too": f'(env -i setsid sh -c "{DEAF}{STAY}" &)\n{DEAF}{STAY}',
    "closes its stdout": f"exec >&- 2>&-\n{STAY}",
    "all of it": f'exec >&- 2>&-\n{DEAF}(env -i setsid sh -c "{STAY}" &)\n{STAY}',
}


@pytest.mark.parametrize("how", STUBBORN)
@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_a_run_that_took_too_long_is_gone_with_its_whole_tree(sqlite_house: House, how: str, containment: str) -> None:
    sqlite_house.settings["containment"] = containment
    server = sqlite_house.serve()
    seconds = f"600.{uuid.uuid4().int}"
    script = STUBBORN[how].format(seconds=seconds)

    told = conselho("run", "--data-dir", str(sqlite_house.data_dir), "--timeout", "1", "--", "sh", "-c", script)

    assert (told.returncode, told.stdout) == (124, "")
    assert "timed out after 1 s" in told.stderr
    assert traces.found(seconds) == {}
    (execution,) = server.all()
    assert (execution["status"], execution["severity"], execution["reason"]) == ("timed_out", "error", "timeout")
    assert traces.found(f"CONSELHO_EXECUTION={execution['id']}") == {}
