import json

from conselho.providers import registry
from tests.cli.conftest import House


def test_agent_clis_are_shown_before_anything_was_run_and_by_a_server_alike(house: House) -> None:
    before = house.call("providers", "--json")
    assert before.returncode == 0
    assert not house.data_dir.exists()
    assert [each["name"] for each in json.loads(before.stdout)["items"]] == registry.names()
    with house.serve():
        assert house.call("providers", "--json").stdout == before.stdout


def test_people_are_told_what_to_do(house: House) -> None:
    head, *rows = house.call("providers").stdout.splitlines()
    assert head.split()[0] == "provider"
    assert {row.split()[0] for row in rows} == set(registry.names()) - {"command"}
