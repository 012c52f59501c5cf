"""`conselho run` with the real server and real processes."""

import os
import signal
from pathlib import Path

import pytest

from conselho.server import holder
from tests.cli.conftest import House, end, remaining
from tests.cli.programs import PROGRAM
from tests.cli.test_attend import on_terminal

COUNT = "for i in $(seq 60); do echo $i; sleep .05; done"
NUMBERS = [str(number) for number in range(1, 61)]


def test_a_run_without_a_server_starts_one_in_the_background_and_exits_with_its_own_code(house: House) -> None:
    told = house.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (told.returncode, told.stdout, told.stderr) == (7, "out\n", "err\n")
    held_by = holder.look(house.data_dir)
    assert held_by is not None
    assert held_by.kind == "background"
    assert os.getsid(held_by.pid) == held_by.pid


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("true",), 0, ""),
        (("no-such-program-anywhere",), 127, "no-such-program-anywhere: command not found"),
        (("/etc/passwd",), 126, "/etc/passwd cannot be executed"),
        (("sh", "-c", "kill -9 $$"), 137, ""),
        (("sh", "-c", "kill -TERM $$"), 143, ""),
    ],
)
def test_exit_codes_are_those_of_a_shell(shared_house: House, argv: tuple[str, ...], code: int, said: str) -> None:
    told = shared_house.run(*argv)
    assert told.returncode == code
    assert told.stderr.startswith(f"conselho: {said}" if said else "")
    assert told.stderr.count("\n") == bool(said)


def test_a_timeout_is_124_and_says_so(shared_house: House) -> None:
    told = shared_house.call("run", "--timeout", "1", "--", "sleep", "60")
    assert told.returncode == 124
    assert "timed out after 1 s" in told.stderr


def test_a_directory_that_is_missing_is_told(shared_house: House) -> None:
    told = shared_house.call("run", "--cwd", "/no/such/place", "--", "true")
    assert told.returncode == 126
    assert "/no/such/place" in told.stderr


def test_an_accepted_exit_code_is_still_told(shared_house: House) -> None:
    told = shared_house.call("run", "--accept-exit", "3", "--", "sh", "-c", "exit 3")
    assert told.returncode == 3
    assert "succeeded" in shared_house.call("executions", "show", shared_house.newest()).stdout


def test_a_run_sees_a_small_environment_the_prompt_and_its_directory(shared_house: House, tmp_path: Path) -> None:
    told = shared_house.call(
        "run", "--cwd", str(tmp_path), "--prompt", "question", "--env", "A=1", "--", "sh", "-c", "pwd; cat; echo; env",
        SECRET="hidden", LC_ALL="C.UTF-8", TERM="xterm",
    )  # fmt: skip
    lines = told.stdout.splitlines()
    assert lines[:2] == [str(tmp_path), "question"]
    assert {"A=1", "LC_ALL=C.UTF-8", f"PATH={os.environ['PATH']}"} <= set(lines)
    assert not [line for line in lines if line.startswith(("SECRET=", "TERM="))]


def test_a_run_within_a_run_goes_to_the_server_that_runs_it(house: House) -> None:
    told = house.run(*PROGRAM, "run", "--title", "inner", "--", "echo", "from within")
    assert (told.returncode, told.stdout, told.stderr) == (0, "from within\n", "")
    assert house.call("executions", "list").stdout.count("succeeded") == 2


def test_a_run_starts_no_server_which_would_end_with_it(house: House) -> None:
    told = house.call("run", "--", "true", CONSELHO_EXECUTION="0193f5c0-0000-7000-8000-00000000abcd")
    assert told.returncode == 1
    assert told.stderr.startswith(f"conselho: nobody serves {house.data_dir}, and a server that a run starts")
    assert told.stderr.count("\n") == 1
    assert not house.data_dir.exists()


def test_output_that_is_no_plain_text_arrives(shared_house: House) -> None:
    told = shared_house.run("printf", r"a\tb\033[31mred\033[0m\nn\303\243o\n\377\nlast")
    assert told.stdout == "a\tb\x1b[31mred\x1b[0m\nnão\n\ufffd\nlast\n"


def test_detached_it_runs_on_and_can_be_followed(shared_house: House, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    told = shared_house.call("run", "--detach", "--", "sh", "-c", f"echo one; cat {gate}; echo two")
    assert told.returncode == 0
    identity = told.stdout.split()[-1]
    with shared_house.start("executions", "log", "-f", identity[-8:]) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "one\n"
        gate.write_text("go\n", encoding="utf-8")
        assert following.stdout.read() == "go\ntwo\n"
        assert following.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_whole_tree(shared_house: House, number: signal.Signals) -> None:
    with shared_house.start("run", "--", "sh", "-c", "setsid sleep 300 & echo $!; sleep 300") as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "cancelling" in told
    assert not Path(f"/proc/{grandchild}").exists()


def test_a_reader_that_goes_away_leaves_the_run_alone_and_is_told_of_it(shared_house: House) -> None:
    with shared_house.start("run", "--title", "read by nobody", "--", "seq", "100000") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        process.stdout.close()
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(30) == 141
    identity = shared_house.newest()
    assert told.startswith("conselho: nobody reads the output any more; the run ")
    assert identity[-8:] in told
    assert shared_house.call("executions", "log", "-f", identity).stdout.endswith("\n100000\n")


def test_a_terminal_is_told_what_a_run_waits_for(shared_house: House, tmp_path: Path) -> None:
    here = ("run", "--cwd", str(tmp_path), "--exclusive", "--data-dir", str(shared_house.data_dir), "--")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with shared_house.start(*here, "sh", "-c", f"echo here; cat {gate}") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "here\n"
        seen, code = on_terminal(
            *here, "true", until="waiting for ", then=lambda: gate.write_text("", encoding="utf-8")
        )
        assert first.wait(30) == 0
    assert "waiting for room in directory" in seen
    assert code == 0


def test_two_commands_at_once_start_one_server(house: House) -> None:
    with house.start("run", "--", "echo", "one") as one, house.start("run", "--", "echo", "two") as two:
        assert (one.communicate(timeout=60)[0], two.communicate(timeout=60)[0]) == ("one\n", "two\n")
    assert (one.returncode, two.returncode) == (0, 0)
    assert len((house.data_dir / "background.log").read_text(encoding="utf-8").split("conselho serves")) == 2


def test_a_run_goes_on_through_the_death_of_its_server_and_another_is_started(house: House) -> None:
    with house.start("run", "--", "sh", "-c", COUNT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        dead = house.server_pid()
        end(dead, signal.SIGKILL)
        rest, told = remaining(process)
    assert (first + rest).split() == NUMBERS
    assert (process.returncode, told) == (0, "")
    assert house.server_pid() != dead


def test_a_run_goes_on_when_serve_takes_over(house: House) -> None:
    with house.start("run", "--", "sh", "-c", COUNT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        with house.serve() as server:
            assert house.server_pid() == server.pid
            rest, told = remaining(process)
    assert (first + rest).split() == NUMBERS
    assert (process.returncode, told) == (0, "")


def test_a_server_that_cannot_start_is_one_sentence(house: House) -> None:
    house.data_dir.mkdir()
    (house.data_dir / "conselho.toml").write_text("seats = 'many'", encoding="utf-8")
    told = house.run("true")
    assert told.returncode == 2
    assert told.stderr.startswith("conselho: setting `seats`")


def test_a_database_that_is_none_is_one_sentence(house: House) -> None:
    house.data_dir.mkdir()
    (house.data_dir / "conselho.db").write_bytes(b"this is no database" * 1000)
    told = house.run("true")
    assert told.returncode == 1
    assert told.stderr.startswith("conselho: ")
    assert told.stderr.count("\n") == 1
    assert holder.look(house.data_dir) is None


def test_a_data_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = House(tmp_path / "file" / "house").run("true")
    assert told.returncode == 2
    assert told.stderr.startswith(f"conselho: the data directory {tmp_path}/file/house cannot be made")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("option", [("--timeout", "8d"), ("--priority", "-1001"), ("--title", "x" * 201)])
def test_nothing_is_started_or_written_for_what_is_refused(house: House, option: tuple[str, str]) -> None:
    told = house.call("run", *option, "--", "true")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert not house.data_dir.exists()
