"""Ids rise where they are made, are unique wherever they are made, and are known by their shape."""

import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import ids

MANY = "from conselho import ids; print('\\n'.join(ids.new() for _ in range(2000)))"


def test_ids_of_one_process_rise_also_within_a_millisecond() -> None:
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_ids_rise_when_the_wall_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new()
    hour_ago = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: hour_ago)
    assert before < ids.new() < ids.new()


def test_threads_never_make_the_same_id() -> None:
    line = threading.Barrier(8)

    def make() -> list[str]:
        line.wait(20)
        return [ids.new() for _ in range(1000)]

    with ThreadPoolExecutor(8) as pool:
        made = [each.result(20) for each in [pool.submit(make) for _ in range(8)]]
    assert all(some == sorted(some) for some in made)
    assert len({one for some in made for one in some}) == 8000


def test_processes_never_make_the_same_id() -> None:
    processes = [subprocess.Popen([sys.executable, "-c", MANY], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    made = [process.communicate(timeout=30)[0].split() for process in processes]
    assert all(len(some) == 2000 and some == sorted(some) for some in made)
    assert len({one for some in made for one in some}) == 6000


def test_an_id_is_a_uuid_of_the_seventh_kind_that_holds_its_moment() -> None:
    began = time.time_ns() // 1_000_000
    made = uuid.UUID(ids.new())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert began <= made.int >> 80 <= time.time_ns() // 1_000_000 + 5


def test_what_was_made_has_the_shape_of_an_id() -> None:
    assert ids.is_id(ids.new())


@pytest.mark.parametrize(
    "text",
    ["", "x", "0190c1a2", "0190C1A2-0000-7000-8000-000000000001", "{0190c1a2-0000-7000-8000-000000000001}",
     "0190c1a2000070008000000000000001", "urn:uuid:0190c1a2-0000-7000-8000-000000000001",
     "0190c1a2-0000-7000-8000-00000000000١", "0190c1a2-0000-7000-8000-000000000001\n"],
)  # fmt: skip
def test_other_ways_of_writing_one_are_no_id(text: str) -> None:
    assert not ids.is_id(text)


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert ids.is_id(text) in {True, False}
