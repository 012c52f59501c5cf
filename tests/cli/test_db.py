import pytest

from tests.cli.conftest import House


def test_upgrade_makes_a_database_and_says_from_what_to_what(house: House) -> None:
    first = house.call("db", "upgrade")
    assert first.returncode == 0
    assert first.stdout.startswith("upgraded from nothing to ")
    assert house.call("db", "upgrade").stdout.startswith("up to date at ")
    assert house.call("db", "check").stdout.startswith("up to date at ")


def test_check_of_no_database_says_what_to_do(house: House) -> None:
    told = house.call("db", "check")
    assert told.returncode == 1
    assert "run `conselho db upgrade`" in told.stderr
    assert not house.data_dir.exists()


def test_upgrade_waits_for_nobody_who_writes(house: House) -> None:
    with house.serve() as server:
        told = house.call("db", "upgrade")
        assert told.returncode == 1
        assert f"pid {server.pid}" in told.stderr
        assert house.call("db", "check").returncode == 0


def test_postgresql_is_upgraded_as_well(house: House, postgres_database_url: str) -> None:
    told = house.call("db", "upgrade", "--database-url", postgres_database_url)
    assert told.stdout.startswith("up to date at ")


@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_a_postgresql_that_does_not_answer_is_one_sentence_without_the_password(house: House, command: str) -> None:
    told = house.call("db", command, CONSELHO_DATABASE_URL="postgresql://user:secret-word@127.0.0.1:1/none")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "secret-word" not in told.stderr
