"""Who may end a run, when, and what is then said about it."""

import fcntl
import os
import signal
from collections.abc import Callable

import pytest

from conselho.worker.spool import Stream
from tests.worker.shims import PYTHON, Shim, boot, has_ended

MakeShim = Callable[..., Shim]

# Says when it is ready, then waits for an order for ever.
WAIT = "echo ready > $RUN/words; read order < $RUN/orders"
STUBBORN = "trap '' TERM; echo ready > $RUN/words; while :; do read order < $RUN/orders; done"


def test_a_run_is_ended_at_its_timeout(make_shim: MakeShim) -> None:
    said = make_shim("sleep", "100", timeout_seconds=0.3).start().finish()
    assert (said["ended"], said["exit_code"], said["signal"]) == ("timeout", None, signal.SIGTERM)
    assert 0.3 <= said["duration_seconds"] < 10
    assert said["killed"] == said["left"] == []


def test_who_will_not_hear_is_killed_after_the_grace(make_shim: MakeShim) -> None:
    said = make_shim("sh", "-c", STUBBORN, timeout_seconds=0.3, grace_seconds=0.3).start().finish()
    assert (said["ended"], said["signal"]) == ("timeout", signal.SIGKILL)
    assert 0.6 <= said["duration_seconds"] < 10


def test_who_hears_may_say_goodbye_and_choose_its_code(make_shim: MakeShim) -> None:
    agent = f"trap 'echo bye; exit 4' TERM; {WAIT}"
    run = make_shim("sh", "-c", agent).start()
    assert run.hear() == "ready"
    run.ask_to_end()
    said = run.finish()
    assert (said["ended"], said["exit_code"]) == ("cancelled", 4)
    assert run.output() == b"bye\n"


def test_term_comes_once_to_every_process_in_and_out_of_the_group(make_shim: MakeShim) -> None:
    # A parent that waits for a child in a session of its own; both tell each TERM they get.
    agent = """
import os, signal, time
words = os.open(os.environ["RUN"] + "/words", os.O_WRONLY)
child = os.fork()
if child == 0: os.setsid()
name = "child" if child == 0 else "parent"
count = 0
def term(*_):
    global count
    count += 1
signal.signal(signal.SIGTERM, term)
os.write(words, b"ready\\n")
while not count: time.sleep(.01)  # pause() would miss one that came before it
if child: os.waitpid(child, 0)
os.write(1, f"{name} {count}\\n".encode())
"""
    run = make_shim(*PYTHON, agent).start()
    assert [run.hear(), run.hear()] == ["ready", "ready"]
    run.ask_to_end()
    assert run.finish()["exit_code"] == 0
    assert run.output() == b"child 1\nparent 1\n"


def test_a_stopped_agent_hears_the_end_too(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", f"trap 'exit 5' TERM; {WAIT}").start()
    assert run.hear() == "ready"
    os.kill(run.spawned()["pid"], signal.SIGSTOP)
    run.ask_to_end()
    assert run.finish()["exit_code"] == 5


def test_silence_ends_a_run_and_output_does_not(make_shim: MakeShim) -> None:
    agent = "for i in 1 2 3 4; do sleep 0.3; echo $i >&2; done; sleep 100"
    run = make_shim("sh", "-c", agent, idle_timeout_seconds=0.9).start()
    said = run.finish()
    assert said["ended"] == "idle_timeout"
    assert run.output(Stream.STDERR) == b"1\n2\n3\n4\n"
    assert said["duration_seconds"] >= 2.1


def test_an_agent_that_closed_its_output_lives_on(make_shim: MakeShim) -> None:
    agent = "exec >&- 2>&-; echo closed > $RUN/words; read order < $RUN/orders; exit 9"
    run = make_shim("sh", "-c", agent).start()
    assert run.hear() == "closed"
    run.tell("go on")
    said = run.finish()
    assert (said["exit_code"], said["ended"]) == (9, "exit")


@pytest.mark.parametrize("reason", ["cancelled", "budget", "abandoned"])
def test_the_reason_of_a_cancel_is_told_on(make_shim: MakeShim, reason: str) -> None:
    run = make_shim("sh", "-c", WAIT).start()
    assert run.hear() == "ready"
    run.ask_to_end(reason)
    said = run.finish()
    assert (said["ended"], said["signal"]) == (reason, signal.SIGTERM)


def test_an_empty_cancel_means_cancelled(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", WAIT).start()
    assert run.hear() == "ready"
    run.ask_to_end("")
    assert run.finish()["ended"] == "cancelled"


def test_a_cancel_that_comes_after_the_end_changes_nothing(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", f"{WAIT}; exit 3").start()
    assert run.hear() == "ready"
    os.kill(run.pid, signal.SIGSTOP)  # the shim sees the end and the cancel in the same moment
    run.tell("end")
    assert has_ended(run.spawned()["pid"], 10)
    run.ask_to_end()
    os.kill(run.pid, signal.SIGCONT)
    said = run.finish()
    assert (said["ended"], said["exit_code"], said["signal"]) == ("exit", 3, None)


def test_signals_to_the_shim_do_not_lose_the_run(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", f"{WAIT}; exit 3").start()
    assert run.hear() == "ready"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        os.kill(run.pid, number)
    run.tell("end")
    said = run.finish()
    assert (said["ended"], said["exit_code"]) == ("exit", 3)


def test_a_strict_run_ends_at_its_deadline(make_shim: MakeShim) -> None:
    run = make_shim("sleep", "100", deadline=True)
    run.answer_until(boot() + 0.5)
    said = run.start().finish()
    assert (said["ended"], said["signal"]) == ("deadline", signal.SIGTERM)


def test_a_deadline_renewed_without_a_ring_is_seen_in_time(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", f"{WAIT}; sleep 0.4; exit 6", deadline=True)
    over = boot() + 1.0
    run.answer_until(over)
    run.start()
    assert run.hear() == "ready"
    run.answer_until(boot() + 1000)
    while boot() < over:  # past the first deadline, whenever the agent was ready
        assert not has_ended(run.pid, over - boot())
    run.tell("end")
    said = run.finish()
    assert (said["ended"], said["exit_code"]) == ("exit", 6)


@pytest.mark.parametrize("content", [None, "soon"])
def test_a_strict_run_without_a_readable_deadline_is_not_started(make_shim: MakeShim, content: str | None) -> None:
    run = make_shim("true", deadline=True)
    if content is not None:
        (run.path / "deadline").write_text(content)
    said = run.start().finish()
    assert (said["ended"], said["exit_code"]) == ("deadline", None)


def test_the_lock_is_held_until_the_last_word_is_there(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", WAIT)
    place = os.open(run.path / "place", os.O_RDWR | os.O_CREAT)
    fcntl.flock(place, fcntl.LOCK_EX)
    run.start(keep=[place])
    os.close(place)
    assert run.hear() == "ready"
    assert not run.is_lock_free()
    run.tell("end")
    for name in ("lock", "place"):
        with (run.path / name).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the shim lets go
            assert (run.path / "exit.json").exists()
    run.finish()


def test_the_bell_rings_for_output(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", f"echo hello; {WAIT}").start()
    assert run.wait_for_output(6)[0].data == b"hello\n"
    assert run.hear() == "ready"
    run.tell("end")
    run.finish()


def test_what_a_run_used_is_told(make_shim: MakeShim) -> None:
    said = make_shim(*PYTHON, "x = bytearray(60_000_000); sum(range(3_000_000))").start().finish()
    assert said["max_rss_bytes"] > 60_000_000
    assert said["user_seconds"] > 0.01
    assert said["ended_at"] - said["started_at"] == pytest.approx(said["duration_seconds"], abs=0.2)
