import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conselho import settings as settings_module
from conselho.cli import attend, client
from conselho.cli.attend import exit_code
from tests.cli.conftest import remaining
from tests.cli.programs import PROGRAM, conselho, environment
from tests.cli.stage import EXECUTION, IDENTITY, Script, Stage, finished


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def place(tmp_path: Path, script: Script) -> Iterator[str]:
    with Stage(settings_module.load({"data_dir": tmp_path}, environ={}).socket_path, script):
        yield str(tmp_path)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 0),
        ({"exit_code": 3}, 3),
        ({"status": "failed", "exit_code": 7}, 7),
        ({"status": "failed", "exit_code": None, "signal": 9, "reason": "signal"}, 137),
        ({"status": "failed", "exit_code": 127, "reason": "not_found"}, 127),
        ({"status": "failed", "exit_code": None, "reason": "not_executable"}, 126),
        ({"status": "failed", "exit_code": None, "reason": "cwd_missing"}, 1),
        ({"status": "failed", "exit_code": 0, "reason": "tree_left"}, 1),
        ({"status": "failed", "exit_code": None, "reason": "shim_died"}, 1),
        ({"status": "timed_out", "signal": 15, "exit_code": None}, 124),
        ({"status": "cancelled", "signal": 15, "exit_code": None}, 130),
        ({"status": "lost", "exit_code": None}, 125),
        ({"status": "expired", "exit_code": None}, 1),
    ],
)
def test_the_shell_is_told_how_the_run_ended(fields: dict[str, Any], code: int) -> None:
    assert exit_code(finished(**fields)) == code


def test_lines_go_where_they_came_from(place: str, script: Script) -> None:
    script.texts, script.kinds = ["out", "err", "remark", "out \x1b[2J"], ["stdout", "stderr", "system", "stdout"]
    told = conselho("run", "--data-dir", place, "--", "x")
    assert told.stdout == "out\nout \x1b[2J\n"
    assert told.stderr == "err\nremark\n"
    assert told.returncode == 0


def test_the_request_says_all_that_was_asked_for(place: str, script: Script) -> None:
    told = conselho(
        "run", "--data-dir", place, "--timeout", "5m", "--idle-timeout", "90", "--cwd", "sub", "--prompt", "say",
        "--exclusive", "--env", "A=1", "--env", "HOME", "--title", "T", "--accept-exit", "3", "--priority", "-2",
        "--", "x", "--y", "--", "-z",
        cwd=Path(place), PATH="/p", LANG="C.UTF-8", LC_TIME="C", SECRET="s", TERM="xterm",
    )  # fmt: skip
    assert told.returncode == 0
    assert script.posted[0][1] == {
        "argv": ["x", "--y", "--", "-z"],
        "prompt": "say",
        "cwd": f"{place}/sub",
        "timeout_seconds": 300.0,
        "idle_timeout_seconds": 90.0,
        "env": script.posted[0][1]["env"] | {"A": "1", "HOME": os.environ["HOME"], "PATH": "/p", "LC_TIME": "C"},
        "title": "T",
        "accepted_exit_codes": [0, 3],
        "priority": -2,
        "exclusive": True,
        "origin": "cli",
    }
    assert not {"SECRET", "TERM"} & set(script.posted[0][1]["env"])


def test_the_prompt_may_come_on_stdin(place: str, script: Script) -> None:
    conselho("run", "--data-dir", place, "--prompt", "-", "--", "x", stdin="línea\n")
    assert script.posted[0][1]["prompt"] == "línea\n"


@pytest.mark.parametrize("bytes_over", [1, 1_000_000])
def test_a_prompt_over_512_kib_is_refused_and_nothing_is_written(place: str, script: Script, bytes_over: int) -> None:
    long = "é" * (256 * 1024) + "x" * bytes_over
    told = conselho("run", "--data-dir", place, "--prompt", "-", "--", "x", stdin=long)
    assert told.returncode == 2
    assert told.stderr == "conselho: --prompt is over 512 KiB: put it in a file and name that\n"
    assert script.posted == []


def test_a_prompt_of_512_kib_is_taken(place: str, script: Script) -> None:
    conselho("run", "--data-dir", place, "--prompt", "-", "--", "x", stdin="x" * (512 * 1024))
    assert len(script.posted[0][1]["prompt"]) == 512 * 1024


def test_an_argument_that_is_no_utf8_is_refused(place: str, script: Script) -> None:
    told = subprocess.run(
        [*PROGRAM, "run", "--data-dir", place, "--", "x", b"\xff"], capture_output=True, env=environment(), check=False
    )
    assert told.returncode == 2
    assert b"is not UTF-8 text" in told.stderr
    assert script.posted == []


def test_json_is_lines_and_at_last_the_execution(place: str, script: Script) -> None:
    script.texts = ["one", "dois ✓"]
    told = conselho("run", "--data-dir", place, "--json", "--", "x")
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [line["text"] for line in lines[:-1]] == ["one", "dois ✓"]
    assert lines[-1] == script.end
    assert told.stderr == ""


def test_detach_prints_the_id_as_its_last_word(place: str, script: Script) -> None:
    told = conselho("run", "--data-dir", place, "--detach", "--", "x")
    assert told.stdout.split()[-1] == IDENTITY
    assert not script.followed.is_set()


def test_a_reason_that_no_line_told_is_told_at_the_end(place: str, script: Script) -> None:
    script.end = finished(status="timed_out", severity="error", reason="timeout", error="ended after 2 s", signal=15)
    told = conselho("run", "--data-dir", place, "--", "x")
    assert told.returncode == 124
    assert told.stderr == "conselho: ended after 2 s\n"


def test_lines_before_and_after_a_break_are_there_once(place: str, script: Script) -> None:
    script.texts, script.breaks = ["1", "2", "3"], [1, 2]
    assert conselho("run", "--data-dir", place, "--", "x").stdout == "1\n2\n3\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_says_so_and_waits_for_the_end(place: str, script: Script, number: signal.Signals) -> None:
    script.waits_for_cancel = True
    script.end = finished(status="cancelled", reason="cancelled", error=None)
    with start("run", "--data-dir", place, "--", "x") as process:
        assert script.followed.wait(20)
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert script.posted[1][0] == f"/api/v1/executions/{IDENTITY}/cancel"
    assert "cancelling 0000abcd: waiting for its end" in told


def test_a_second_interrupt_leaves_the_run_to_the_server(place: str, script: Script) -> None:
    script.waits_for_cancel = True
    cancelled, script.cancelled = script.cancelled, NeverSet()
    with start("run", "--data-dir", place, "--", "x") as process:
        assert script.followed.wait(20)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "cancelling" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = remaining(process)
    script.cancelled.release()
    assert process.returncode == 130
    assert "left to the server: follow it with `conselho executions log -f 0000abcd`" in told
    assert not cancelled.is_set()


def test_a_terminal_gets_a_spinner_and_a_closing_line_in_colour(place: str, script: Script) -> None:
    script.texts, script.waits_for_cancel = ["hello\x1b]0;title\x07"], True
    script.end = finished(summary="all good")
    seen, code = on_terminal("run", "--data-dir", place, "--", "x", until="queued", then=script.cancelled.set)
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] 0:0\d queued", seen)
    assert "hello\r\n" in seen
    assert "title" not in seen
    assert "\x1b[32m✓ succeeded after 1.0 s\x1b[0m: all good" in seen
    assert code == 0


def test_no_letter_of_json_steers_a_terminal(place: str, script: Script) -> None:
    script.texts = ["a\x9b2Jb\x1b[2J\u202ec"]
    seen, _ = on_terminal("run", "--json", "--data-dir", place, "--", "x")
    assert r"a\u009b2Jb\u001b[2J\u202ec" in seen


def test_no_color_leaves_a_terminal_without_colour(place: str, script: Script) -> None:
    script.texts = ["\x1b[31mred\x1b[0m"]
    seen, _ = on_terminal("run", "--data-dir", place, "--", "x", NO_COLOR="1")
    assert "red\r\n" in seen
    assert "\x1b[" not in seen.replace("\r\x1b[K", "")


def test_a_pipe_is_told_once_what_a_run_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(attend, "WAITED_SECONDS", 0.05)
    monkeypatch.setattr(attend, "STATE_SECONDS", 0.0)
    waiting = [EXECUTION | {"waiting_for": f"a free seat, {ahead} ahead"} for ahead in (3, 2, 1)]
    script = Script(waits_for_cancel=True, states=[*waiting, EXECUTION | {"status": "running"}])
    settings = settings_module.load({"data_dir": tmp_path}, environ={})
    with Stage(settings.socket_path, script), client.writer(settings) as api:
        code = attend.Attendance(api, as_json=False).stay(lambda: EXECUTION)
    told = capfd.readouterr()
    assert (code, told.out) == (0, "")
    assert told.err == "waiting for a free seat, 3 ahead\n"


class NeverSet(type(Script().cancelled)):  # type: ignore[misc]
    """An event that a cancel does not set, as of a run that does not end."""

    def set(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Let the stage go."""
        super().set()


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_terminal(
    *arguments: str, until: str = "", then: Any = None, encoding: str = "utf-8", **more: str
) -> tuple[str, int]:
    """Run on a terminal; once `until` was seen there, do `then`. Returns all that was seen, and the exit code."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        env=environment(**{"TERM": "xterm-256color"} | more),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen = b""
    with process:
        while data := read(leader):
            seen += data
            if then is not None and until.encode() in seen:
                then()
                then = None
    os.close(leader)
    return seen.decode(encoding), process.returncode


def read(leader: int) -> bytes:
    """What a terminal shows next; empty when nobody writes to it any more."""
    try:
        return os.read(leader, 65_536)
    except OSError:
        return b""
