"""What does a run cost that prints more than anybody will read, and is what was kept of it told truly?"""

import re
from pathlib import Path
from typing import Any

from tests.acceptance.house import House, Server

ODD = r"printf 'nul \000 here\n\377\376 no text\nover\rwritten\n'" + "\n"
ODD_BYTES = len(b"nul \0 here\n\xff\xfe no text\nover\rwritten\n")
LONG_LINE = "head -c 10000000 /dev/zero | tr '\\0' x; echo\n"
LONG_LINE_BYTES = 10_000_000
FLOOD_BYTES = 300_000_000
LIMIT_BYTES = 64 * 2**20  # of memory, above what an idle server has
CAP = re.compile(r"\[output passed ([\d,]+) bytes: from here on only its end is kept, .*\]")
DROPPED = re.compile(r"\[([\d,]+) bytes with ([\d,]+) line ends were dropped here\]")


def flood(line: str) -> str:
    return f'yes "{line}" | head -c {FLOOD_BYTES}; echo; echo the end\n'


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had since `forget_peak`, or its start."""
    return _kilobytes(pid, "VmHWM") * 1024


def forget_peak(pid: int) -> int:
    """Let the peak be counted from now; returns what the process has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _kilobytes(pid, "VmRSS") * 1024


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def run_flood(house: House, server: Server, script: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Let it print, and watch the memory of all who carry what it prints; returns how it ended, and its log."""
    server.end_of(server.submit("echo so that everything is loaded"))
    idle = forget_peak(server.pid)
    gate = house.gate()
    execution_id = server.submit(script + 'touch "$TMPDIR/printed"\n' + gate.wait)
    shim = house.spawned(execution_id)["shim"]
    house.await_file("printed")
    assert peak_bytes(shim) < LIMIT_BYTES
    gate.open()
    ended = server.end_of(execution_id)
    log = server.log(execution_id)
    assert peak_bytes(server.pid) - idle < LIMIT_BYTES
    return ended, log


def count_dropped(log: list[dict[str, Any]], cap_bytes: int) -> int:
    """How much the log says was dropped; the lines that say so stand where it happened."""
    remarks = [line["text"] for line in log if line["kind"] == "warning"]
    capped, dropped = CAP.fullmatch(remarks[0]), DROPPED.fullmatch(remarks[1])
    assert capped is not None
    assert dropped is not None
    assert number(capped[1]) == cap_bytes
    assert number(dropped[2]) > 0
    return number(dropped[1])


def test_a_flood_of_odd_bytes_is_kept_to_its_cap_and_told(house: House) -> None:
    house.settings |= {"log_bytes_max": "12000000", "log_tail_bytes": "500000"}
    server = house.serve()

    ended, log = run_flood(house, server, ODD + LONG_LINE + flood("x" * 199))

    assert (ended["status"], ended["severity"], ended["log_lines"]) == ("succeeded", "warning", len(log))
    assert [line["text"] for line in log[:3]] == ["nul \0 here", "\ufffd\ufffd no text", "over\rwritten"]
    pieces = [line["text"] for line in log if line["text"].startswith("x" * 300)]
    assert sum(map(len, pieces)) == LONG_LINE_BYTES
    assert log[-1]["text"] == "the end"
    whole = ODD_BYTES + LONG_LINE_BYTES + 1 + FLOOD_BYTES + len("\nthe end\n")
    assert 250_000 <= whole - 11_500_000 - count_dropped(log, 11_500_000) <= 500_000


def test_a_flood_under_the_usual_cap_costs_no_more_memory(sqlite_house: House) -> None:
    server = sqlite_house.serve()

    ended, log = run_flood(sqlite_house, server, flood("x" * 1023))

    assert (ended["status"], ended["severity"], ended["log_lines"]) == ("succeeded", "warning", len(log))
    assert log[-1]["text"] == "the end"
    whole = FLOOD_BYTES + len("\nthe end\n")
    assert 500_000 <= whole - 49_000_000 - count_dropped(log, 49_000_000) <= 1_000_000
