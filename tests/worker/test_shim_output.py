"""Output is kept byte for byte as far as there is room, and what is missing is counted to the byte."""

import json
import os
import resource
from collections.abc import Callable
from hashlib import sha256

import pytest

from conselho.worker.spool import Frame, Stream
from tests.worker.shims import PYTHON, Shim

MakeShim = Callable[..., Shim]

BLOCK = 65_536
SPOKEN = (Stream.STDOUT, Stream.STDERR)


def block(number: int) -> bytes:
    """A piece of output that knows where it belongs."""
    return (b"%015d\n" % number) * (BLOCK // 16)


def notes(frames: list[Frame], stream: Stream) -> list[dict[str, int]]:
    return [json.loads(frame.data) for frame in frames if frame.stream is stream]


def test_frames_are_numbered_without_a_gap_and_timed(make_shim: MakeShim) -> None:
    said = make_shim("sh", "-c", "for i in 1 2 3; do echo $i; echo $i >&2; done").start()
    last = said.finish()
    frames = said.frames()
    assert [frame.number for frame in frames] == list(range(1, last["frames"] + 1))
    assert all(last["started_at"] <= frame.at.timestamp() <= last["ended_at"] + 1 for frame in frames)


def test_any_bytes_are_kept_as_they_came(make_shim: MakeShim) -> None:
    data = bytes(range(256)) * 100 + b"\xff\xfe\0\r\n\r\x1b[31m\xc3"
    run = make_shim("cat", stdin=data).start()
    run.finish()
    assert run.output() == data


def test_a_line_of_ten_million_bytes_is_kept_whole(make_shim: MakeShim) -> None:
    data = os.urandom(10_000_000).replace(b"\n", b"-") + b"\n"
    run = make_shim("cat", stdin=data).start()
    said = run.finish()
    assert sha256(run.output()).digest() == sha256(data).digest()
    assert (said["output_bytes"], said["dropped_bytes"], said["lost_bytes"]) == (len(data), 0, 0)


def test_of_too_much_output_the_beginning_and_the_end_are_kept(make_shim: MakeShim) -> None:
    count = 3200  # 210 MB
    agent = f"""
import os
for number in range({count}):
    data = (b"%015d\\n" % number) * {BLOCK // 16}
    while data: data = data[os.write(1, data):]
"""
    run = make_shim(*PYTHON, agent, output_bytes_max=400_000, tail_bytes=100_000).start()
    said = run.finish()
    frames = run.frames()
    cap = [frame.stream for frame in frames].index(Stream.CAP)
    live = b"".join(frame.data for frame in frames[:cap])
    tail = b"".join(frame.data for frame in frames[cap + 1 :] if frame.stream in SPOKEN)

    assert [frame.number for frame in frames] == list(range(1, said["frames"] + 1))
    assert live == b"".join(map(block, range(5)))[:300_000]
    assert 50_000 <= len(tail) <= 100_000
    assert b"".join(map(block, range(count - 2, count))).endswith(tail)
    assert said["output_bytes"] == count * BLOCK
    assert len(live) + len(tail) + said["dropped_bytes"] == count * BLOCK
    assert live.count(b"\n") + tail.count(b"\n") + said["dropped_lines"] == count * BLOCK // 16
    assert notes(frames, Stream.CAP) == [{"bytes": 300_000}]
    dropped = {"bytes": said["dropped_bytes"], "lines": said["dropped_lines"]}
    assert notes(frames, Stream.DROPPED) == [dropped]
    assert frames[cap + 1].stream is Stream.DROPPED


def test_the_cap_is_told_while_the_agent_still_runs(make_shim: MakeShim) -> None:
    agent = "head -c 5000 /dev/zero; read order < $RUN/orders"
    run = make_shim("sh", "-c", agent, output_bytes_max=3000, tail_bytes=1000).start()
    frames = run.wait_for_output(2001)
    assert [frame.stream for frame in frames] == [Stream.STDOUT, Stream.CAP]
    run.tell("end")
    said = run.finish()
    assert said["dropped_bytes"] == 2000
    assert len(run.output()) == 3000


@pytest.mark.parametrize(("size", "is_capped"), [(3000, True), (2000, False)])
def test_nothing_is_said_to_be_dropped_if_nothing_was(make_shim: MakeShim, size: int, is_capped: bool) -> None:
    run = make_shim("head", "-c", str(size), "/dev/zero", output_bytes_max=3000, tail_bytes=1000).start()
    said = run.finish()
    streams = {frame.stream for frame in run.frames()}
    assert said["dropped_bytes"] == 0
    assert streams == ({Stream.STDOUT, Stream.CAP} if is_capped else {Stream.STDOUT})
    assert len(run.output()) == size


def test_both_streams_share_the_end_in_the_order_they_came(make_shim: MakeShim) -> None:
    agent = """
for i in 1 2 3; do
  echo out $i; echo told > $RUN/words; read order < $RUN/orders
  echo err $i >&2; echo told > $RUN/words; read order < $RUN/orders
done
"""
    run = make_shim("sh", "-c", agent, output_bytes_max=1000, tail_bytes=1000).start()
    for _ in range(6):
        assert run.hear() == "told"
        run.tell("go on")
    run.finish()
    order = [(frame.stream, frame.data) for frame in run.frames() if frame.stream in SPOKEN]
    for stream, name in ((Stream.STDOUT, "out"), (Stream.STDERR, "err")):
        kept = b"".join(data for of, data in order if of is stream)
        assert kept.decode().splitlines() == [f"{name} {i}" for i in (1, 2, 3)]


def test_many_small_writes_share_frames(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done").start()
    said = run.finish()
    assert run.output().split() == [b"%d" % i for i in range(20_000)]
    assert said["frames"] < 2000


def test_a_disk_that_was_full_for_a_while_leaves_a_count_where_the_hole_is(make_shim: MakeShim) -> None:
    agent = f"""
import os
def write(numbers):
    for number in numbers:
        data = (b"%015d\\n" % number) * {BLOCK // 16}
        while data: data = data[os.write(1, data):]
def turn():
    os.write(words, b"written\\n")
    orders.readline()
words = os.open(os.environ["RUN"] + "/words", os.O_WRONLY)
orders = open(os.environ["RUN"] + "/orders")
write(range(2)); turn()
write(range(2, 40)); turn()
write(range(40, 50))
"""
    run = make_shim(*PYTHON, agent).start()
    assert run.hear() == "written"
    run.wait_for_output(2 * BLOCK)
    size = (run.path / "spool").stat().st_size
    hard = resource.prlimit(run.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (size + 1000, hard))  # room for a torn frame only
    run.tell("go on")
    assert run.hear() == "written"
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (hard, hard))
    run.tell("go on")
    said = run.finish()

    frames = run.frames()
    assert frames[-1].number == said["frames"]
    hole = [frame.stream for frame in frames].index(Stream.LOST)
    before = b"".join(frame.data for frame in frames[:hole])
    after = b"".join(frame.data for frame in frames[hole:] if frame.stream is Stream.STDOUT)
    everything = b"".join(map(block, range(50)))
    assert notes(frames, Stream.LOST) == [{"bytes": said["lost_bytes"]}]
    assert said["lost_bytes"] > 30 * BLOCK
    assert before == everything[: 2 * BLOCK]
    assert after == everything[2 * BLOCK + said["lost_bytes"] :]
    assert said["output_bytes"] == len(everything)


def test_a_disk_that_stays_full_hides_no_outcome(make_shim: MakeShim) -> None:
    agent = "echo ready > $RUN/words; read order < $RUN/orders; head -c 5000000 /dev/zero; exit 7"
    run = make_shim("sh", "-c", agent).start()
    assert run.hear() == "ready"
    limit = 4096  # what exit.json has reserved, and no more
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (limit, limit))
    run.tell("go on")
    said = run.finish()
    assert (said["exit_code"], said["output_bytes"], said["ended"]) == (7, 5_000_000, "exit")
    assert said["lost_bytes"] + len(run.output()) == 5_000_000
    assert said["lost_bytes"] > 4_900_000


def test_the_shim_stays_small_whatever_comes(make_shim: MakeShim) -> None:
    agent = "head -c 100000000 /dev/zero; echo done > $RUN/words; read order < $RUN/orders"
    run = make_shim("sh", "-c", agent, output_bytes_max=5_000_000).start()
    assert run.hear() == "done"
    with open(f"/proc/{run.pid}/status") as status:  # noqa: PTH123 - not a file of ours
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 20_000  # kB, shared pages of Python included
    run.tell("end")
    assert run.finish()["output_bytes"] == 100_000_000
