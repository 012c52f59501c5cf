import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from conselho import settings as settings_module
from conselho.cli import checks
from conselho.cli.checks import Answer
from tests.cli.conftest import House


def answers(data_dir: Path, **overrides: str) -> dict[str, Answer]:
    settings = settings_module.load({"data_dir": data_dir, **overrides}, environ={})
    return {answer.name: answer for answer in checks.all_of(settings)}


def test_doctor_says_a_word_and_a_sentence_of_each_and_makes_nothing(house: House) -> None:
    told = house.call("doctor")
    assert told.returncode == 0
    for line in told.stdout.splitlines():
        word, _, sentence = line.partition("  ")
        assert word in {"ok", "warn"}
        assert sentence
    assert not house.data_dir.exists()


def test_doctor_tells_programs_the_same(house: House) -> None:
    told = json.loads(house.call("doctor", "--json").stdout)
    names = [answer["name"] for answer in told]
    assert {"python", "sqlite", "file system", "disk", "cgroup", "pidfd", "git", "open files"} <= set(names)
    assert all(set(answer) == {"name", "word", "sentence"} for answer in told)


def test_doctor_says_who_serves(house: House) -> None:
    with house.serve() as server:
        assert f"pid {server.pid}" in house.call("doctor").stdout


def test_something_bad_is_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = House(tmp_path / "file").call("doctor", "--json")
    assert told.returncode == 1
    assert [answer["name"] for answer in json.loads(told.stdout) if answer["word"] == "bad"] == ["data directory"]


def test_a_postgresql_that_does_not_answer_is_bad(tmp_path: Path) -> None:
    answer = answers(tmp_path, database_url="postgresql://user:secret-word@127.0.0.1:1/none")["database"]
    assert answer.word == "bad"
    assert "secret-word" not in answer.sentence


def test_a_postgresql_that_answers_is_ok(tmp_path: Path, postgres_database_url: str) -> None:
    answer = answers(tmp_path, database_url=postgres_database_url)["database"]
    assert answer.word == "ok"
    assert "PostgreSQL" in answer.sentence


def test_a_sqlite_file_that_was_named_is_no_postgresql(tmp_path: Path, sqlite_database_url: str) -> None:
    answer = answers(tmp_path, database_url=sqlite_database_url)["database"]
    assert answer.word == "ok"
    assert "SQLite" in answer.sentence


def test_a_data_directory_open_to_others_is_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert answers(tmp_path)["data directory"].word == "warn"
    tmp_path.chmod(0o700)
    assert answers(tmp_path)["data directory"].word == "ok"


def test_a_file_that_is_no_database_is_bad(tmp_path: Path) -> None:
    (tmp_path / "conselho.db").write_bytes(b"this is no database" * 1000)
    assert answers(tmp_path)["database"].word == "bad"


def test_the_file_system_of_what_is_not_there_yet_is_that_of_where_it_would_be() -> None:
    assert checks.file_system(Path("/proc/not/there")) == "proc"
    assert checks.file_system(Path("/")) is not None


@pytest.mark.parametrize(("free", "word"), [(50_000_000, "bad"), (1_000_000_000, "warn"), (10_000_000_000, "ok")])
def test_a_disk_that_fills_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, word: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert answers(tmp_path)["disk"].word == word


@pytest.mark.parametrize(
    ("kind", "word"), [("nfs4", "bad"), ("tmpfs", "warn"), ("overlay", "warn"), ("ext4", "ok"), (None, "warn")]
)
def test_a_file_system_that_cannot_keep_its_promises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None, word: str
) -> None:
    monkeypatch.setattr(checks, "file_system", lambda _: kind)
    assert answers(tmp_path)["file system"].word == word


def test_a_machine_without_git_is_warned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert answers(tmp_path)["git"].word == "warn"


def test_the_cgroup_that_was_tried_is_gone_again(tmp_path: Path) -> None:
    answers(tmp_path)
    left = [path for path in Path("/sys/fs/cgroup").rglob("conselho-doctor-*") if path.is_dir()]
    assert left == []
