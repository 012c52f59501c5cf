"""What `conselho config` says: every setting, its value here, and what said so."""

import json
from typing import Any

from conselho.settings import Settings
from tests.cli.conftest import House


def items(house: House, *arguments: str, **variables: str) -> dict[str, dict[str, Any]]:
    told = house.call("config", "--json", *arguments, **variables)
    assert (told.returncode, told.stderr) == (0, "")
    return {item["name"]: item for item in json.loads(told.stdout)["items"]}


def test_every_setting_is_listed_with_its_value_and_nothing_is_made(house: House) -> None:
    lines = house.call("config").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(Settings.model_fields)
    seats = next(line for line in lines if line.startswith("seats "))
    assert seats.split() == ["seats", "4", "default"]
    assert not house.data_dir.exists()


def test_each_says_which_flag_variable_or_file_it_came_from(house: House) -> None:
    house.data_dir.mkdir(mode=0o700)
    file = house.data_dir / "conselho.toml"
    file.write_text("lease_seconds = 30\nseats = 2\n")
    lines = house.call("config", CONSELHO_SEATS="8").stdout.splitlines()
    said = {line.split()[0]: line.split()[1:] for line in lines}
    assert said["lease_seconds"] == ["30.0", str(file)]
    assert said["seats"] == ["8", "CONSELHO_SEATS"]
    assert said["data_dir"] == [str(house.data_dir), "CONSELHO_DATA_DIR"]
    assert items(house, "--data-dir", str(house.data_dir))["data_dir"]["named"] == "--data-dir"


def test_programs_are_told_the_same_and_what_it_is(house: House) -> None:
    found = items(house, CONSELHO_LOG_BYTES_MAX="1000000")
    description = Settings.model_fields["log_bytes_max"].description
    assert found["log_bytes_max"] == {
        "name": "log_bytes_max",
        "value": 1_000_000,
        "unit": "bytes",
        "from": "variable",
        "named": "CONSELHO_LOG_BYTES_MAX",
        "variable": "CONSELHO_LOG_BYTES_MAX",
        "description": description,
    }
    assert (found["database_url"]["value"], found["seats"]["from"]) == (None, "default")


def test_a_password_is_shown_nowhere(house: House) -> None:
    url = "postgresql://ana:secret-word@db/x"
    for arguments in ((), ("--json",)):
        told = house.call("config", *arguments, CONSELHO_DATABASE_URL=url)
        assert "secret-word" not in told.stdout + told.stderr
        assert "postgresql://ana:***@db/x" in told.stdout


def test_a_setting_that_cannot_be_is_one_sentence_and_exit_2(house: House) -> None:
    told = house.call("config", CONSELHO_SEATS="many")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("conselho: setting `seats`: ")
    assert told.stderr.count("\n") == 1
