"""How an agent is started, and what it inherits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conselho import ids
from conselho.worker import shim, tree
from conselho.worker.spool import Stream
from tests.worker.shims import PYTHON, Shim, boot

MakeShim = Callable[..., Shim]
RESERVED_BY_THE_C_LIBRARY = 1 << 31 | 1 << 32  # signals 32 and 33: no program may touch them, so they stay as inherited


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_exit_code_is_the_agents_own(make_shim: MakeShim, code: int) -> None:
    said = make_shim("sh", "-c", f"exit {code}").start().finish()
    assert (said["exit_code"], said["signal"], said["ended"]) == (code, None, "exit")


def test_a_signal_is_told_as_a_signal(make_shim: MakeShim) -> None:
    said = make_shim("sh", "-c", "kill -SEGV $$").start().finish()
    assert (said["exit_code"], said["signal"], said["ended"]) == (None, signal.SIGSEGV, "exit")


def test_the_exit_code_survives_a_parent_that_ignores_its_children(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", "true; exit 7")
    run.start(prepare=lambda: void(signal.signal(signal.SIGCHLD, signal.SIG_IGN)))
    assert run.finish()["exit_code"] == 7


def test_the_agent_feels_no_signal_that_its_starter_blocked_or_ignored(make_shim: MakeShim) -> None:
    def prepare() -> None:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGCHLD})

    run = make_shim("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    run.start(prepare=prepare).finish()
    masks = [int(line.split()[1], 16) & ~RESERVED_BY_THE_C_LIBRARY for line in run.output().splitlines()]
    assert masks == [0, 0]


def test_the_agent_leads_a_session_of_its_own(make_shim: MakeShim) -> None:
    run = make_shim(*PYTHON, "import os; print(os.getpid() == os.getsid(0) == os.getpgid(0))").start()
    assert run.finish()["exit_code"] == 0
    assert run.output() == b"True\n"


def test_the_environment_is_exactly_the_one_that_was_asked_for(make_shim: MakeShim) -> None:
    run = make_shim("cat", "/proc/self/environ", env={"EMPTY": "", "LINES": "a\nb", "RAW": "\udcff"})
    run.start().finish()
    found = dict(item.split(b"=", 1) for item in run.output().split(b"\0") if item)
    assert found == {name.encode(): os.fsencode(value) for name, value in run.env.items()}
    assert found[b"RAW"] == b"\xff"


def test_words_of_any_bytes_reach_the_agent(make_shim: MakeShim) -> None:
    words = ["ação", "\udcfe\udc80", "a\nb", "", "𝕬"]
    run = make_shim("printf", r"%s\0", *words)
    run.start().finish()
    assert run.output().split(b"\0")[:-1] == [os.fsencode(word) for word in words]


def test_the_agent_has_three_descriptors_and_no_more(make_shim: MakeShim, tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    stranger, other = os.pipe()
    look = """
import os
for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
    try: print(fd, os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
    except OSError: pass
"""
    run = make_shim(*PYTHON, look).start(keep=[place], leak=[stranger, other])
    for fd in (place, stranger, other):
        os.close(fd)
    assert run.finish()["exit_code"] == 0
    assert run.output().splitlines() == [b"0 /dev/null", b"1 pipe", b"2 pipe"]


def test_stdin_is_the_file_and_its_name_is_gone(make_shim: MakeShim) -> None:
    data = os.urandom(500_000)
    run = make_shim("sh", "-c", "cat; test ! -e $RUN/stdin", stdin=data).start()
    assert run.finish()["exit_code"] == 0
    assert run.output() == data


def test_without_a_file_stdin_ends_at_once(make_shim: MakeShim) -> None:
    run = make_shim("wc", "-c").start()
    assert run.finish()["exit_code"] == 0
    assert run.output().strip() == b"0"


def test_output_is_kept_by_stream(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", "echo to out; echo to err >&2").start()
    said = run.finish()
    assert (run.output(Stream.STDOUT), run.output(Stream.STDERR)) == (b"to out\n", b"to err\n")
    assert (said["output_bytes"], said["frames"]) == (14, 2)


def test_it_works_where_it_was_told_to(make_shim: MakeShim, tmp_path: Path) -> None:
    run = make_shim("pwd", "-P", cwd=str(tmp_path)).start()
    run.finish()
    assert run.output().decode().strip() == os.path.realpath(tmp_path)


@pytest.mark.parametrize("program", ["there-is-no-such-program", "/there/is/none", "./none"])
def test_a_program_that_is_not_there_is_127(make_shim: MakeShim, program: str) -> None:
    said = make_shim(program).start().finish()
    assert (said["exit_code"], said["ended"]) == (127, "not_started")
    assert said["failure"] == {"stage": "exec", "errno": 2, "message": "No such file or directory"}


def test_a_program_that_may_not_be_executed_is_126(make_shim: MakeShim, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    said = make_shim("plain", env={"PATH": f"/nowhere:{tmp_path}:{tmp_path}/plain"}).start().finish()
    assert (said["exit_code"], said["failure"]["stage"], said["failure"]["errno"]) == (126, "exec", 13)


def test_a_program_is_found_in_the_agents_own_path(make_shim: MakeShim, tmp_path: Path) -> None:
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    assert make_shim("only-here", env={"PATH": f"/nowhere:{tmp_path}"}).start().finish()["exit_code"] == 3


def test_a_nul_in_a_word_is_told_and_not_run(make_shim: MakeShim) -> None:
    said = make_shim("echo", "a\0b").start().finish()
    assert (said["exit_code"], said["failure"]["stage"], said["failure"]["errno"]) == (126, "exec", 22)


def test_a_missing_directory_is_told_and_nothing_is_run(make_shim: MakeShim) -> None:
    run = make_shim("true", cwd="/there/is/none").start()
    said = run.finish()
    assert (said["exit_code"], said["signal"], said["ended"]) == (None, None, "not_started")
    assert (said["failure"]["stage"], said["failure"]["errno"]) == ("cwd", 2)


def test_an_unreadable_stdin_is_told_and_nothing_is_forked(make_shim: MakeShim) -> None:
    run = make_shim("true")
    (run.path / "stdin").symlink_to("stdin")
    said = run.start().finish()
    assert (said["exit_code"], said["failure"]["stage"], said["ended"]) == (None, "stdin", "not_started")
    assert not (run.path / "spawned").exists()


def test_spawned_is_there_before_the_agent_is(make_shim: MakeShim) -> None:
    run = make_shim("sh", "-c", "cat $RUN/spawned; echo; echo $$; ls $RUN").start()
    said = run.finish()
    spawned, pid, *names = run.output().decode().splitlines()
    facts = json.loads(spawned)
    assert facts["pid"] == int(pid)
    assert facts["shim"] == run.pid
    assert facts["boot_id"] == said["boot_id"] == shim.boot_id()
    assert facts["containment"] == said["containment"]
    assert (facts["cgroup"] is None) == (facts["containment"] == "subreaper")
    assert "exit.json.reserved" in names


def test_past_its_moment_nothing_is_started(make_shim: MakeShim) -> None:
    run = make_shim("true", start_by_boot_seconds=boot() - 1).start()
    said = run.finish()
    assert (said["ended"], said["exit_code"], said["failure"]) == ("too_late", None, None)
    assert not (run.path / "spawned").exists()


def test_a_child_that_waited_past_its_moment_does_not_exec() -> None:
    script = """
import os, sys
sys.path.append(sys.argv[1])
from conselho.worker import launch
gate, release = os.pipe()
os.write(release, b"1")
launch.become_agent({"start_by_boot_seconds": 1.0}, (0, 1, 2), gate, os.dup(1))
"""
    source = str(Path(shim.__file__).parents[2])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, source], capture_output=True, check=True)
    assert done.stdout == b"too_late 0 "


def test_a_child_whose_gate_is_closed_does_not_exec() -> None:
    script = """
import os, sys
sys.path.append(sys.argv[1])
from conselho.worker import launch
gate, release = os.pipe()
os.close(release)
spec = {"start_by_boot_seconds": None, "cwd": "/", "argv": ["echo", "ran"], "env": {}}
launch.become_agent(spec, (0, 1, 2), gate, os.dup(1))
"""
    source = str(Path(shim.__file__).parents[2])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, source], capture_output=True, check=True)
    assert done.stdout == b""


def test_a_child_tells_whether_it_got_into_its_cgroup_and_goes_on_without(tmp_path: Path) -> None:
    script = """
import os, sys
sys.path.append(sys.argv[1])
from conselho.worker import launch
gate, release = os.pipe()
os.write(release, b"1")
spec = {"start_by_boot_seconds": None, "cwd": "/", "argv": ["echo", " ran"], "env": {"PATH": os.environ["PATH"]}}
launch.become_agent(spec, (0, 1, 2), gate, os.dup(1), sys.argv[2])
"""
    source = str(Path(shim.__file__).parents[2])
    made = tree.make_cgroup(ids.new())
    (tmp_path / "cgroup.procs").touch()  # as good as a cgroup, to who only writes
    try:
        for path, said in ((made or tmp_path, b"+ ran\n"), (tmp_path / "none", b"- ran\n")):
            command = [sys.executable, "-I", "-S", "-c", script, source, str(path)]
            assert subprocess.run(command, capture_output=True, check=True).stdout == said
    finally:
        if made is not None:
            tree.remove_cgroup(made)


def test_a_child_is_born_in_a_cgroup_or_not_at_all(tmp_path: Path) -> None:
    script = """
import sys
sys.path.append(sys.argv[1])
from conselho.worker import tree
pid = tree.fork_into(sys.argv[2])
if pid == 0:
    tree.os.write(1, tree._read("/proc/self/cgroup"))
    tree.os._exit(7)
tree.os.write(1, b"refused" if pid < 0 else b"%d" % tree.os.waitstatus_to_exitcode(tree.os.waitpid(pid, 0)[1]))
"""
    source = str(Path(shim.__file__).parents[2])
    made = tree.make_cgroup(ids.new())
    try:
        for path in (made or tmp_path, tmp_path, tmp_path / "none"):
            command = [sys.executable, "-I", "-S", "-c", script, source, str(path)]
            said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            lines = said.splitlines()
            if path == made and lines != ["refused"]:  # before Linux 5.7
                assert any(line.startswith("0::") and line.endswith(Path(made).name) for line in lines)
                assert lines[-1] == "7"
            else:
                assert lines == ["refused"]
    finally:
        if made is not None:
            tree.remove_cgroup(made)


def test_a_cgroup_that_takes_no_process_is_done_without(make_shim: MakeShim) -> None:
    """Below a threaded cgroup one can be made that nobody may enter; where none can be made it is the same."""
    home = tree.make_cgroup(ids.new())
    try:
        if home is not None:
            Path(home, "threads").mkdir()
            Path(home, "threads", "cgroup.type").write_text("threaded")
        run = make_shim("cat", "/proc/self/cgroup")
        run.start(prepare=lambda: void(home is not None and tree.enter_cgroup(home)))
        said = run.finish()
        assert (said["exit_code"], said["containment"]) == (0, "subreaper")
        assert (run.spawned()["cgroup"], run.spawned()["containment"]) == (None, "subreaper")
        assert f"conselho-{run.execution}" not in run.output().decode()
    finally:
        if home is not None:
            tree.remove_cgroup(home)
            assert not Path(home).exists()


def test_a_cancel_that_is_there_first_starts_nothing(make_shim: MakeShim) -> None:
    run = make_shim("true")
    run.ask_to_end("budget")
    said = run.start().finish()
    assert (said["ended"], said["exit_code"], said["signal"]) == ("budget", None, None)
    assert not (run.path / "spawned").exists()


def test_the_shim_loads_little() -> None:
    script = "import sys; sys.path.append(sys.argv[1]); import conselho.worker.shim; print(*sys.modules, sep='\\n')"
    source = str(Path(shim.__file__).parents[2])
    command = [sys.executable, "-I", "-S", "-c", script, source]
    loaded = set(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    assert loaded & {"enum", "re", "json", "signal", "typing", "subprocess", "asyncio", "pathlib"} == set()
    assert loaded & {"os", "_collections_abc", "struct"} == set()
    ours = {name.rpartition(".")[2] for name in loaded if name.startswith("conselho.worker.")}
    assert ours == {"launch", "recorder", "shim", "shim_files", "tree"}


def void(_: object) -> None:
    """Drop a result where a function of nothing is wanted."""
