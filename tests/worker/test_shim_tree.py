"""Nobody of a run's process tree is left, however it hid, and nobody else is touched."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conselho import ids
from conselho.worker import shim, shim_files, tree
from conselho.worker.spool import Stream
from tests.worker.shims import PYTHON, Shim, is_ready

MakeShim = Callable[..., Shim]

# "auto" is a cgroup where this machine gives us one.
both = pytest.mark.parametrize("containment", ["auto", "subreaper"])

# A grandchild by double fork, in a session of its own, that says who it is. Neither will hear SIGTERM.
DAEMON = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1); os.close(2)
        os.write(os.open(os.environ["RUN"] + "/words", os.O_WRONLY), b"%d\\n" % os.getpid())
        while True: signal.pause()
    os._exit(0)
os.wait()
"""
WAIT_FOR_ORDER = "open(os.environ['RUN'] + '/orders').readline()"


def make_daemon(make_shim: MakeShim, *, then: str, **changes: object) -> Shim:
    return make_shim(*PYTHON, DAEMON + then, **changes)


@contextmanager
def watching(pidfd: int) -> Iterator[int]:
    try:
        yield pidfd
    finally:
        os.close(pidfd)


@both
def test_a_grandchild_that_hid_in_its_own_session_is_killed_and_named(make_shim: MakeShim, containment: str) -> None:
    run = make_daemon(make_shim, then=WAIT_FOR_ORDER, containment=containment).start()
    pid = int(run.hear())
    with watching(os.pidfd_open(pid)) as grandchild:
        assert not is_ready(grandchild, 0)
        run.tell("end")
        said = run.finish()
        assert is_ready(grandchild, 0)
    assert (said["exit_code"], said["ended"], said["left"]) == (0, "exit", [])
    assert [one["pid"] for one in said["killed"]] == [pid]
    assert said["killed"][0]["command"].startswith(PYTHON[0])


@both
def test_a_grandchild_that_wiped_its_environment_is_killed_too(make_shim: MakeShim, containment: str) -> None:
    agent = """
import os, signal
run = os.environ["RUN"]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", f"echo $$ > {run}/words; exec sleep 1000"], {"PATH": os.environ["PATH"]})
    os._exit(0)
os.wait()
open(run + "/orders").readline()
"""
    run = make_shim(*PYTHON, agent, containment=containment).start()
    with watching(run.hear_pidfd()) as grandchild:
        run.tell("end")
        assert len(run.finish()["killed"]) == 1
        assert is_ready(grandchild, 0)


@both
@pytest.mark.parametrize("end", ["timeout", "cancelled"])
def test_the_whole_tree_goes_with_an_ended_run(make_shim: MakeShim, containment: str, end: str) -> None:
    limit = 1.0 if end == "timeout" else None
    stay = "while True: signal.pause()"
    run = make_daemon(make_shim, then=stay, containment=containment, timeout_seconds=limit, grace_seconds=0.3).start()
    with watching(run.hear_pidfd()) as grandchild:
        if end == "cancelled":
            run.ask_to_end()
        said = run.finish()
        assert is_ready(grandchild, 0)
    assert (said["ended"], said["signal"], said["left"]) == (end, signal.SIGKILL, [])


@both
def test_sweep_ends_what_a_killed_shim_left(make_shim: MakeShim, containment: str) -> None:
    say = "print('so far', flush=True)\n"
    run = make_daemon(make_shim, then=say + WAIT_FOR_ORDER, containment=containment).start()
    with watching(run.hear_pidfd()) as grandchild:
        run.wait_for_output(7)
        spawned = run.spawned()
        with watching(os.pidfd_open(spawned["pid"])) as main:
            run.kill()
            assert run.is_lock_free()  # the agent holds none
            assert not is_ready(grandchild, 0)
            assert run.output() == b"so far\n"
            killed, left = shim.sweep(run.execution, spawned["cgroup"], 20.0, (os.getpid(),))
            assert is_ready(grandchild, 0)
            assert is_ready(main, 0)
    assert spawned["pid"] in [one["pid"] for one in killed]
    assert left == []
    assert not (run.path / "exit.json").exists()
    assert spawned["cgroup"] is None or not Path(spawned["cgroup"]).exists()
    assert shim.sweep(run.execution, spawned["cgroup"], 20.0, ()) == ([], [])


@both
def test_who_carries_the_marker_is_ended_even_if_the_run_did_not_beget_it(
    make_shim: MakeShim, containment: str
) -> None:
    run = make_shim("sh", "-c", "echo up > $RUN/words; read order < $RUN/orders", containment=containment).start()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env=run.env) as stranger:
        try:
            assert run.hear() == "up"
            run.tell("end")
            assert [one["pid"] for one in run.finish()["killed"]] == [stranger.pid]
            assert stranger.wait() == -signal.SIGKILL
        finally:
            stranger.kill()


def test_sweep_spares_who_it_is_told_to_and_says_what_is_left() -> None:
    execution = ids.new()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"CONSELHO_EXECUTION": execution}) as child:
        try:
            assert shim.sweep(execution, None, 5.0, (child.pid,)) == ([], [])
            assert shim.sweep(execution[:-1], None, 5.0, ()) == ([], [])  # another marker
            assert child.poll() is None
            assert shim.sweep(execution, None, 5.0, ()) == ([{"pid": child.pid, "command": "cat"}], [])
            assert child.wait() == -signal.SIGKILL
        finally:
            child.kill()


def test_sweep_believes_no_cgroup_of_another_name() -> None:
    made = tree.make_cgroup(ids.new())
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        try:
            if made is not None:
                assert tree.enter_cgroup(made, child.pid)
            assert shim.sweep(ids.new(), made or "/sys/fs/cgroup", 5.0, ()) == ([], [])
            assert child.poll() is None
        finally:
            child.kill()
    if made is not None:
        tree.remove_cgroup(made)
        assert not Path(made).exists()


def test_a_stranger_that_keeps_the_output_open_delays_the_end_no_more_than_it_may(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", "echo ready > $RUN/words; read order < $RUN/orders", pipe_seconds=0.3).start()
    assert run.hear() == "ready"
    stranger = os.open(f"/proc/{run.spawned()['pid']}/fd/2", os.O_WRONLY)
    try:
        os.write(stranger, b"from a stranger\n")
        run.tell("end")
        said = run.finish()
    finally:
        os.close(stranger)
    assert said["exit_code"] == 0
    assert run.output(Stream.STDERR) == b"from a stranger\n"


def test_many_processes_left_still_fit_the_last_word(make_shim: MakeShim) -> None:
    agent = """
import os
for _ in range(150):
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep-with-a-long-name-" * 4, "1000"])
"""
    run = make_shim(*PYTHON, agent).start()
    said = run.finish()
    assert said["exit_code"] == 0
    assert len(said["killed"]) + said["killed_more"] == 150
    assert len(said["killed"]) > 10
    assert (run.path / "exit.json").stat().st_size <= shim_files.EXIT_BYTES_MAX


def test_orphans_are_reaped_while_the_agent_runs(make_shim: MakeShim) -> None:
    orphans = "for i in 1 2 3; do (sleep 0.05 &); done"
    run = make_shim("sh", "-c", f"{orphans}; sleep 0.5; echo look; read order < $RUN/orders").start()
    run.wait_for_output(5)
    run.ring()
    run.tell("end")
    assert run.finish()["killed"] == []
