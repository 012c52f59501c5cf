"""Which agent CLIs are there: real programs in a directory of the test's own."""

from pathlib import Path

import pytest

from conselho import clock
from conselho.worker import programs
from conselho.worker.programs import Found, Look
from tests.providers.talker import PROGRAM, Talker


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")


def install(place: Path, script: str = "echo 'talker 1.2.3 (build 7)'") -> Path:
    program = place / "talker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def look(looker: Look | None = None) -> Found:
    (found,) = (looker or Look()).all_of([Talker("")])
    return found


def test_one_that_is_not_there_says_how_to_get_it() -> None:
    found = look()
    assert (found.path, found.version, found.signed_in, found.advice) == (None, None, "no", PROGRAM.install)


def test_one_that_is_there_tells_its_version_and_how_to_sign_in(tmp_path: Path) -> None:
    program = install(tmp_path)
    found = look()
    assert (found.path, found.version) == (str(program), "1.2.3")
    assert (found.signed_in, found.seen_by, found.advice) == ("no", None, PROGRAM.sign_in)


def test_a_key_or_a_file_signs_it_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    (tmp_path / ".talker").mkdir()
    (tmp_path / ".talker/key").write_text("x", encoding="ascii")
    found = look()
    assert (found.signed_in, found.seen_by, found.advice) == ("yes", "~/.talker/key", None)
    monkeypatch.setenv("TALKER_KEY", "x")
    assert look().seen_by == "TALKER_KEY"


def test_a_file_that_may_hold_a_key_is_named(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / ".talker").mkdir()
    (tmp_path / ".talker/config").write_text("x", encoding="ascii")
    found = look()
    assert (found.signed_in, found.seen_by, found.advice) == ("unknown", "~/.talker/config", None)


def test_elsewhere_than_on_linux_a_chain_of_keys_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    monkeypatch.setattr("sys.platform", "darwin")
    found = look()
    assert (found.signed_in, found.advice) == ("unknown", None)


def test_it_is_started_once_for_each_file_that_it_is(tmp_path: Path) -> None:
    counting = f"echo x >> {tmp_path}/starts; echo 1.0.0"
    install(tmp_path, counting)
    looker = Look()
    assert [look(looker).version for _ in range(3)] == ["1.0.0"] * 3
    assert (tmp_path / "starts").read_text(encoding="ascii") == "x\n"
    install(tmp_path, counting.replace("1.0.0", "1.10.0"))
    assert look(looker).version == "1.10.0"


@pytest.mark.parametrize("script", ["exit 1", "echo none", "head -c 100000 /dev/zero", "exec >&-; sleep 60"])
def test_one_that_tells_no_version_is_there_all_the_same(tmp_path: Path, script: str) -> None:
    install(tmp_path, script)
    found = look()
    assert (found.path is not None, found.version) == (True, None)
    assert found.advice == "it tells no version: look at what `talker --version` says"


def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "VERSION_SECONDS", 0.2)
    install(tmp_path, f"sleep 61 & echo $! > {tmp_path}/pid; wait")
    began = clock.monotonic()
    assert look().version is None
    assert clock.monotonic() - began < 10
    pid = (tmp_path / "pid").read_text(encoding="ascii").strip()
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text(encoding="ascii").split()[2] == "Z"


def test_it_sees_nothing_of_our_environment_but_where_it_is_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSELHO_DATABASE_URL", "secret")
    monkeypatch.setenv("TALKER_KEY", "secret")
    install(tmp_path, f"env > {tmp_path}/env; echo 1.0.0")
    look()
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text(encoding="utf-8").splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "OLDPWD", "SHLVL", "_"} | {
        name for name in names if name.startswith("XDG_")
    }
